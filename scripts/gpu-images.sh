#!/usr/bin/env bash
# bash scripts/gpu-images.sh [OUT]: one fatbin of the GPU kernels for every board, in OUT (default: build-gpu-images).
# bash scripts/gpu-images.sh --check: only that the compiler of the oldest boards takes the kernels.
#
# Boards whose architectures the nvcc at hand no longer knows (Maxwell to Volta) are compiled by NVRTC 11.8 from Debian's
# non-free part, unpacked in OUT and not installed; their PTX runs on everything later. With nvcc its own architectures are added.
# Use it with: cmake -DUNTANGLE_CUDA=OUT/kernels.fatbin, or CMAKE_JS: npx cmake-js compile --CDUNTANGLE_CUDA=OUT/kernels.fatbin
set -euo pipefail
cd "$(dirname "$0")/.."
only_checks=false
[ "${1:-}" = --check ] && only_checks=true && shift
out=$(mkdir -p "${1:-build-gpu-images}" && cd "${1:-build-gpu-images}" && pwd)
nvrtc_architectures=(sm_53 sm_62 sm_72 sm_87)
nvcc_architectures=(75 80 86 87 89 90 100 110 120)

# A private root for apt: the mirror is the system's own, and nothing is installed.
fetch_nvrtc() {
  local root=$out/apt uri suite=bookworm
  uri=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources | head -1)
  mkdir -p "$root"/{lists/partial,cache/archives/partial,etc/sources.d,etc/preferences.d} "$out/debs"
  : >"$root/status"
  echo "deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $suite non-free" >"$root/etc/sources.list"
  cat >"$root/apt.conf" <<CONF
APT::Architecture "amd64"; APT::Architectures { "amd64"; }; APT::Sandbox::User "root"; Debug::NoLocking "true";
Dir::State "$root"; Dir::State::status "$root/status"; Dir::State::lists "$root/lists"; Dir::Cache "$root/cache";
Dir::Etc::sourcelist "$root/etc/sources.list"; Dir::Etc::sourceparts "$root/etc/sources.d"; Dir::Etc::preferencesparts "$root/etc/preferences.d";
CONF
  export APT_CONFIG=$root/apt.conf
  apt-get -q update >/dev/null
  (cd "$out/debs" && apt-get -q download libnvrtc11.2 libnvrtc-builtins11.8 >/dev/null)
  unset APT_CONFIG
  for deb in "$out"/debs/*.deb; do dpkg-deb -x "$deb" "$out/nvrtc"; done
  rm -rf "$root" "$out/debs"
}

libraries=$out/nvrtc/usr/lib/x86_64-linux-gnu
[ -e "$libraries/libnvrtc.so.11.2" ] || fetch_nvrtc

# What npm has built will do.
tools=$out/tools
[ -f build/CMakeCache.txt ] && tools=build
[ "$tools" = build ] || cmake -S . -B "$tools" -DUNTANGLE_CUDA=off >/dev/null
cmake --build "$tools" --target gpu_image >/dev/null
images=()
compile() {
  LD_LIBRARY_PATH=$libraries "$tools/gpu_image" libnvrtc.so.11.2 "$1" "$out/$1.$2"
}
if $only_checks; then
  compile compute_53 ptx
  exit 0
fi
for architecture in "${nvrtc_architectures[@]}"; do
  compile "$architecture" cubin
  images+=("--image3=kind=elf,sm=${architecture#sm_},file=$out/$architecture.cubin")
done
compile compute_53 ptx
images+=("--image3=kind=ptx,sm=53,file=$out/compute_53.ptx")

if ! command -v nvcc >/dev/null; then
  echo 'skipped: no nvcc here, so no images for later architectures and no fatbin'
  exit 0
fi
known=$(nvcc --list-gpu-code)
for architecture in "${nvcc_architectures[@]}"; do
  case " ${nvrtc_architectures[*]} " in *" sm_$architecture "*) continue ;; esac
  grep -qx "sm_$architecture" <<<"$known" || continue
  nvcc -std=c++17 -O3 -cubin -arch="sm_$architecture" -I. -o "$out/sm_$architecture.cubin" native/gpu/kernels/all.cu
  echo "sm_$architecture $(stat -c %s "$out/sm_$architecture.cubin") bytes"
  images+=("--image3=kind=elf,sm=$architecture,file=$out/sm_$architecture.cubin")
done
fatbinary --create="$out/kernels.fatbin" -64 --compress-all "${images[@]}"
echo "written: $out/kernels.fatbin, $(stat -c %s "$out/kernels.fatbin") bytes"
