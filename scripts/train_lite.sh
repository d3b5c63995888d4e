#!/usr/bin/env bash
# The recipe of the bundled lite weights: A-Net in two goes, T-Net together with A-Net's decoder in three, then once more A-Net, and T-Net
# twice; the weights file in the package is the mean of the last two runs' weights.
# Every run has a seed of its own: with the same one it would see the same samples again.
# usage: train_lite.sh DATA STAMPS [ARGUMENT ...]
#   DATA holds DAVIS/ and images/; STAMPS is e.g. Debian's tuxpaint-stamps-default; further arguments go to every ivos train.
# The same command goes on where it was killed, exactly. With a GPU for ten minutes at a time, and data from pack_data.sh:
#   timeout 9m train_lite.sh data stamps --accelerator cuda --workers 16
set -euo pipefail
data=${1:?the folder that holds DAVIS/ and images/} stamps=${2:?a folder of cut-outs with transparency}
held_out=horsejump-low+dog-agility+rollerblade # DAVIS-2016 train sequences kept for choosing between variants
sources=(--data "davis-2016,weight=6,merge=1,without=$held_out:$data/DAVIS")
for source in animals7,3 ccp-clothing,2,0.8 bsds500,1 weizmann-horses,1.2 food-plates,0.6 cwfid,0.1 coco-mini,2.5 \
    human-vikram,1.2 fasseg-faces,0.4,0.6 bottles-via,0.3 dogcat-via,0.6 pallets,0.3 mugs-via,0.3; do
    IFS=, read -r name weight merge <<<"$source"
    sources+=(--data "folder,weight=$weight,merge=${merge:-0}:$data/images/$name")
done
shared=("${sources[@]}" --data "cut-outs,without=*mirror*+*cartoon*:$stamps" "${@:3}")
ivos train a-net "${shared[@]}" --out runs/lite-a-net
ivos train a-net "${shared[@]}" --out runs/lite-a-net-2 --init runs/lite-a-net/weights.safetensors \
    --steps 1700 --learning-rate 1e-3 --seed 1
ivos train t-net "${shared[@]}" --out runs/lite-t-net --init runs/lite-a-net-2/weights.safetensors --seed 2
ivos train t-net "${shared[@]}" --out runs/lite-t-net-2 --init runs/lite-t-net/weights.safetensors \
    --learning-rate 1e-3 --seed 3
ivos train t-net "${shared[@]}" --out runs/lite-t-net-3 --init runs/lite-t-net-2/weights.safetensors \
    --steps 2200 --learning-rate 1e-3 --seed 4
ivos train a-net "${shared[@]}" --out runs/lite-a-net-3 --init runs/lite-t-net-3/weights.safetensors \
    --steps 2800 --learning-rate 1e-3 --seed 5
ivos train t-net "${shared[@]}" --out runs/lite-t-net-4 --init runs/lite-a-net-3/weights.safetensors \
    --steps 1400 --learning-rate 1e-3 --seed 6
ivos train t-net "${shared[@]}" --out runs/lite-t-net-5 --init runs/lite-t-net-4/weights.safetensors \
    --steps 1800 --learning-rate 1e-3 --seed 7
mkdir -p src/ivos/weights
python - <<'END'
from ivos.model.weights import load_weights, read_card, save_weights

before, last = (f"runs/lite-t-net-{run}/weights.safetensors" for run in (4, 5))
net, other = load_weights(last), load_weights(before).state_dict()
net.load_state_dict({k: (v + other[k]) / 2 if v.is_floating_point() else v for k, v in net.state_dict().items()})
save_weights(net, "src/ivos/weights/lite.safetensors", card=read_card(last) | {"average": f"of {before} and {last}"})
END
