"""The recipe of the bundled lite weights: runs of A-Net and of T-Net, each from the one before or from the mean of two.

T-Net's runs take A-Net and the encoder along. Before the last two runs, which leave T-Net as it is, a constant is
raised that training, on crops, left too low for whole frames. Every run has a seed of its own: with the same one it
would see the same samples again.

The same command goes on where it was killed, exactly. With a GPU for ten minutes at a time, and data from pack_data.sh:

    timeout 9m python scripts/train_lite.py data stamps --accelerator cuda --workers 16
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
from pathlib import Path

from ivos.model.weights import load_weights, read_card, save_weights

HELD_OUT = "horsejump-low+dog-agility+rollerblade"
"""DAVIS-2016 train sequences kept for choosing between variants."""
BUNDLED = Path("src/ivos/weights/lite.safetensors")

# What is drawn from: the weight of the videos, then of sets of photographs; the number behind that, where there is one,
# is the probability that all objects of a picture count as one.
FIRST_MIX = (
    "6 animals7,3 ccp-clothing,2,0.8 bsds500,1 weizmann-horses,1.2 food-plates,0.6 cwfid,0.1 coco-mini,2.5 "
    "human-vikram,1.2 fasseg-faces,0.4,0.6 bottles-via,0.3 dogcat-via,0.6 pallets,0.3 mugs-via,0.3"
)
LAST_MIX = (
    "7 animals7,3 ccp-clothing,2,0.95 bsds500,0.4 weizmann-horses,1.2 food-plates,0.4 cwfid,0.1 coco-mini,3 "
    "human-vikram,1.5 fasseg-faces,0.4,0.9 bottles-via,0.3 dogcat-via,0.6 pallets,0.3 mugs-via,0.3"
)


def weights(name: str) -> Path:
    """The weights of the run, or the mean, of that name."""
    return Path(f"runs/lite-{name}/weights.safetensors")


def sources(data: str, stamps: str, mix: str) -> list[str]:
    """The sources of a mix, as `ivos train` takes them: videos, photographs, cut-outs."""
    videos, *photographs = mix.split()
    specs = [f"davis-2016,weight={videos},merge=1,without={HELD_OUT}:{data}/DAVIS"]
    for each in photographs:
        name, weight, merge = (*each.split(","), "0")[:3]
        specs.append(f"folder,weight={weight},merge={merge}:{data}/images/{name}")
    specs.append(f"cut-outs,without=*mirror*+*cartoon*:{stamps}")
    return [word for spec in specs for word in ("--data", spec)]


def mean(name: str, first: str, second: str, share: float) -> None:
    """The weighted mean of two runs' weights, `share` of it the second's."""
    net, other = load_weights(weights(second)), load_weights(weights(first)).state_dict()
    for key, value in net.state_dict().items():
        if value.is_floating_point():
            value.mul_(share).add_((1 - share) * other[key])
    average = f"{share} of {weights(second)}, the rest of {weights(first)}"
    save_weights(net, weights(name), card=read_card(weights(second)) | {"average": average})


def sharpen(name: str, start: str, by: float) -> None:
    """A run's weights with the logarithm of the local transfer's scale raised."""
    net = load_weights(weights(start))
    net.transfer_net.log_scale.data[1] += by
    sharpened = f"the logarithm of the local transfer's scale by {by}"
    save_weights(net, weights(name), card=read_card(weights(start)) | {"sharpened": sharpened})


def main() -> None:
    """Train, from ImageNet's encoder to the bundled file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="the folder that holds DAVIS/ and images/")
    parser.add_argument("stamps", help="a folder of cut-outs with transparency, e.g. Debian's tuxpaint-stamps-default")
    given, further = parser.parse_known_args()  # further arguments go to every `ivos train`
    mix = FIRST_MIX

    def run(stage: str, name: str, start: str = "", *options: str, **numbers: float) -> None:
        """`ivos train` from the weights of `start`, or from ImageNet's encoder."""
        command = ["ivos", "train", stage, *sources(given.data, given.stamps, mix), *further]
        command += ["--out", str(weights(name).parent)] + (["--init", str(weights(start))] if start else [])
        given_numbers = (word for key, value in numbers.items() for word in (f"--{key.replace('_', '-')}", str(value)))
        subprocess.run([*command, *options, *given_numbers], check=True)

    run("a-net", "a-net", seed=0)
    run("a-net", "a-net-2", "a-net", steps=1700, learning_rate=1e-3, seed=1)
    run("t-net", "t-net", "a-net-2", seed=2)
    run("t-net", "t-net-2", "t-net", learning_rate=1e-3, seed=3)
    run("t-net", "t-net-3", "t-net-2", steps=2200, learning_rate=1e-3, seed=4)
    run("a-net", "a-net-3", "t-net-3", steps=2800, learning_rate=1e-3, seed=5)
    run("t-net", "t-net-4", "a-net-3", steps=1400, learning_rate=1e-3, seed=6)
    run("t-net", "t-net-5", "t-net-4", steps=1800, learning_rate=1e-3, seed=7)
    mean("sixth", "t-net-4", "t-net-5", 0.5)
    run("a-net", "a-net-4", "sixth", steps=900, learning_rate=1e-3, seed=11)
    run("a-net", "a-net-5", "a-net-4", steps=900, learning_rate=1e-3, seed=13)
    mean("a-net-mean", "a-net-4", "a-net-5", 0.5)
    run("t-net", "t-net-6", "a-net-mean", steps=1900, learning_rate=1e-3, seed=14)
    run("t-net", "t-net-7", "t-net-6", steps=2600, learning_rate=1e-3, seed=22)
    run("t-net", "t-net-8", "t-net-7", steps=2450, learning_rate=8e-4, seed=41)
    mean("eighth", "t-net-7", "t-net-8", 0.7)
    run("t-net", "t-net-9", "eighth", steps=3000, learning_rate=8e-4, seed=51)
    mean("t-net-9-mean", "eighth", "t-net-9", 0.7)
    run("t-net", "t-net-10", "t-net-9-mean", steps=2450, learning_rate=8e-4, seed=61)
    mix = LAST_MIX
    run("t-net", "t-net-11", "t-net-10", steps=2200, learning_rate=8e-4, seed=81)
    mean("t-net-11-mean", "t-net-10", "t-net-11", 0.7)
    run("t-net", "t-net-12", "t-net-11-mean", steps=2400, learning_rate=8e-4, seed=91)
    mean("t-net-12-mean", "t-net-11-mean", "t-net-12", 0.5)
    run("t-net", "t-net-13", "t-net-12-mean", steps=2000, learning_rate=8e-4, seed=121)
    mean("t-net-13-mean", "t-net-12-mean", "t-net-13", 0.5)
    sharpen("sharp", "t-net-13-mean", 0.4)
    run("a-net", "a-net-6", "sharp", "--beside-t-net", seed=141)
    run("a-net", "a-net-7", "a-net-6", "--beside-t-net", steps=1250, learning_rate=3e-4, seed=151)
    BUNDLED.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(weights("a-net-7"), BUNDLED)


if __name__ == "__main__":
    main()
