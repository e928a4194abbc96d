#!/bin/sh
# Packs the project and all it needs as wheels for this platform and Python, for a machine that has no internet.
#   sh docker/wheelhouse.sh PYTHON DIRECTORY [EXTRAS]      extras: [test], or nothing
# The directory is whole or as it was before: it is filled beside and then renamed.
set -eu

python=$1
house=$2
extras=${3:-}
draft=$house.draft

rm -rf "$draft"
mkdir -p "$draft"
trap 'rm -rf "$draft"' EXIT
trap 'exit 130' INT TERM
"$python" -m pip wheel --quiet --disable-pip-version-check --wheel-dir "$draft" ".$extras"
(cd "$draft" && sha256sum -- *.whl > SHA256SUMS)
cat > "$draft/INSTALL.txt" <<TEXT
sha256sum --check --quiet SHA256SUMS
python3 -m venv messenger-lab && messenger-lab/bin/python -m pip install --no-index --find-links . 'messenger-lab$extras'
TEXT
rm -rf "$house"
mv "$draft" "$house"
echo "$house: $(ls "$house" | grep -c whl) wheels, $(du -sh "$house" | cut -f1), for $("$python" -c 'import sys, sysconfig; print("Python %d.%d on %s" % (*sys.version_info[:2], sysconfig.get_platform()))')"
echo "carry it there; INSTALL.txt in it has the two lines to type"
