#!/usr/bin/env bash
# The recipe of the bundled lite weights: runs of A-Net and of T-Net, which takes A-Net and the encoder along, each from the one before or
# from the mean of two.
# Before the last two runs, which leave T-Net as it is, a constant is raised that training, on crops, left too low for whole frames.
# Every run has a seed of its own: with the same one it would see the same samples again.
# usage: train_lite.sh DATA STAMPS [ARGUMENT ...]
#   DATA holds DAVIS/ and images/; STAMPS is e.g. Debian's tuxpaint-stamps-default; further arguments go to every ivos train.
# The same command goes on where it was killed, exactly. With a GPU for ten minutes at a time, and data from pack_data.sh:
#   timeout 9m train_lite.sh data stamps --accelerator cuda --workers 16
set -euo pipefail
data=${1:?the folder that holds DAVIS/ and images/} stamps=${2:?a folder of cut-outs with transparency}
held_out=horsejump-low+dog-agility+rollerblade # DAVIS-2016 train sequences kept for choosing between variants
arguments=("${@:3}")

mix() { # SHARE SOURCE,SHARE[,MERGE] ...: what the runs from here on draw from: videos, sets of photographs, and cut-outs
    shared=(--data "davis-2016,weight=$1,merge=1,without=$held_out:$data/DAVIS")
    local source name weight merge
    for source in "${@:2}"; do
        IFS=, read -r name weight merge <<<"$source"
        shared+=(--data "folder,weight=$weight,merge=${merge:-0}:$data/images/$name")
    done
    shared+=(--data "cut-outs,without=*mirror*+*cartoon*:$stamps" "${arguments[@]}")
}

run() { # STAGE NAME FROM [ARGUMENT ...]: the run runs/lite-NAME, which starts from that of FROM, or from ImageNet's encoder
    ivos train "$1" "${shared[@]}" --out "runs/lite-$2" ${3:+--init "runs/lite-$3/weights.safetensors"} "${@:4}"
}

mean() { # NAME FIRST SECOND SHARE: runs/lite-NAME holds the weighted mean of two runs' weights, SHARE of it the second's
    python - "$@" <<'END'
import sys
from pathlib import Path

from ivos.model.weights import load_weights, read_card, save_weights

name, *runs = (f"runs/lite-{run}/weights.safetensors" for run in sys.argv[1:4])
share = float(sys.argv[4])
first, second = (load_weights(run) for run in runs)
state, other = second.state_dict(), first.state_dict()
second.load_state_dict({k: share * v + (1 - share) * other[k] if v.is_floating_point() else v for k, v in state.items()})
Path(name).parent.mkdir(parents=True, exist_ok=True)
save_weights(second, name, card=read_card(runs[1]) | {"average": f"{share} of {runs[1]}, the rest of {runs[0]}"})
END
}

sharpen() { # NAME FROM BY: runs/lite-NAME holds a run's weights with the logarithm of the local transfer's scale raised BY that much
    python - "$@" <<'END'
import sys
from pathlib import Path

from ivos.model.weights import load_weights, read_card, save_weights

name, start = (f"runs/lite-{run}/weights.safetensors" for run in sys.argv[1:3])
net = load_weights(start)
net.transfer_net.log_scale.data[1] += float(sys.argv[3])
Path(name).parent.mkdir(parents=True, exist_ok=True)
save_weights(net, name, card=read_card(start) | {"sharpened": f"the logarithm of the local transfer's scale by {sys.argv[3]}"})
END
}

mix 6 animals7,3 ccp-clothing,2,0.8 bsds500,1 weizmann-horses,1.2 food-plates,0.6 cwfid,0.1 coco-mini,2.5 \
    human-vikram,1.2 fasseg-faces,0.4,0.6 bottles-via,0.3 dogcat-via,0.6 pallets,0.3 mugs-via,0.3
run a-net a-net "" --seed 0
run a-net a-net-2 a-net --steps 1700 --learning-rate 1e-3 --seed 1
run t-net t-net a-net-2 --seed 2
run t-net t-net-2 t-net --learning-rate 1e-3 --seed 3
run t-net t-net-3 t-net-2 --steps 2200 --learning-rate 1e-3 --seed 4
run a-net a-net-3 t-net-3 --steps 2800 --learning-rate 1e-3 --seed 5
run t-net t-net-4 a-net-3 --steps 1400 --learning-rate 1e-3 --seed 6
run t-net t-net-5 t-net-4 --steps 1800 --learning-rate 1e-3 --seed 7
mean sixth t-net-4 t-net-5 0.5
run a-net a-net-4 sixth --steps 900 --learning-rate 1e-3 --seed 11
run a-net a-net-5 a-net-4 --steps 900 --learning-rate 1e-3 --seed 13
mean a-net-mean a-net-4 a-net-5 0.5
run t-net t-net-6 a-net-mean --steps 1900 --learning-rate 1e-3 --seed 14
run t-net t-net-7 t-net-6 --steps 2600 --learning-rate 1e-3 --seed 22
run t-net t-net-8 t-net-7 --steps 2450 --learning-rate 8e-4 --seed 41
mean eighth t-net-7 t-net-8 0.7
run t-net t-net-9 eighth --steps 3000 --learning-rate 8e-4 --seed 51
mean t-net-9-mean eighth t-net-9 0.7
run t-net t-net-10 t-net-9-mean --steps 2450 --learning-rate 8e-4 --seed 61
mix 7 animals7,3 ccp-clothing,2,0.95 bsds500,0.4 weizmann-horses,1.2 food-plates,0.4 cwfid,0.1 coco-mini,3 \
    human-vikram,1.5 fasseg-faces,0.4,0.9 bottles-via,0.3 dogcat-via,0.6 pallets,0.3 mugs-via,0.3
run t-net t-net-11 t-net-10 --steps 2200 --learning-rate 8e-4 --seed 81
mean t-net-11-mean t-net-10 t-net-11 0.7
run t-net t-net-12 t-net-11-mean --steps 2400 --learning-rate 8e-4 --seed 91
mean t-net-12-mean t-net-11-mean t-net-12 0.5
run t-net t-net-13 t-net-12-mean --steps 2000 --learning-rate 8e-4 --seed 121
mean t-net-13-mean t-net-12-mean t-net-13 0.5
sharpen sharp t-net-13-mean 0.4
run a-net a-net-6 sharp --beside-t-net --seed 141
run a-net a-net-7 a-net-6 --beside-t-net --steps 1250 --learning-rate 3e-4 --seed 151
mkdir -p src/ivos/weights
cp runs/lite-a-net-7/weights.safetensors src/ivos/weights/lite.safetensors
