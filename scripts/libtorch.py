#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Find or fetch libtorch and libjpeg-turbo, and tell make how to compile the shim against libtorch.

    scripts/libtorch.py check       print what the machine lacks, each with its remedy
    scripts/libtorch.py setup       check, then fetch libtorch and libjpeg-turbo into .libtorch/ unless they are there
    scripts/libtorch.py flags FILE  write the make variables of scripts/shim.mk to FILE
    scripts/libtorch.py runtime     fetch only libtorch, for the command of an unpacked archive; its ./setup calls this

LIBTORCH=/path uses an installed libtorch instead of fetching one: an unpacked libtorch archive, or a Python
environment (or its site-packages, or its torch folder). LIBTURBOJPEG=/path/libturbojpeg.so.0 does the same for
libjpeg-turbo. Only Python's standard library is used.
"""

import contextlib
import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".libtorch"
STAMP = HOME / "stamp"
REQUIREMENTS = ROOT / "requirements-libtorch.txt"
JPEG = HOME / "turbojpeg"
JPEG_REQUIREMENTS = ROOT / "requirements-libjpeg-turbo.txt"
GO = (1, 26)
TESTED = "2.11.0"
# An unpacked archive of make dist has no Makefile: there the user runs ./setup.
AGAIN, START = ("make", "make setup") if (ROOT / "Makefile").is_file() else ("./setup", "./setup")
GIB = 1 << 30

# The kept parts of the wheels: member of a wheel -> folder of .libtorch. The arm64 build of libtorch_cpu.so needs Arm's
# and NVIDIA's CPU kernels beside it. Everything of CUDA is dropped except the two libraries that it links to.
KEEP = [
    (re.compile(r"torch/lib/(lib(torch_cpu|c10|gomp(-\w+)?|omp|arm_compute(_graph)?|gfortran|nvpl_\w+)\.(so|dylib)[.\d]*)"), "lib"),
    (re.compile(r"nvidia/cu13/lib/(lib(cudart|cupti)\.so\.13)"), "lib"),
    (re.compile(r"torch/include/(.+)"), "include"),
    (re.compile(r"((?:torch|nvidia)[^/]*\.dist-info/(?:licenses/)?(?:LICENSE|License|NOTICE)[^/]*)"), "licenses"),
]

# libjpeg-turbo's library in its wheel, and the machines with such a wheel.
JPEG_MEMBER = re.compile(r"turbojpeg\.(libs|dylibs)/libturbojpeg[^/]*")
JPEG_MACHINES = [("Linux", "x86_64"), ("Darwin", "arm64")]

# Tags of the wheels for each machine, newest first: pip needs them in full when it fetches for another Python.
PLATFORMS = {
    ("Linux", "x86_64"): ["manylinux_2_28_x86_64", "manylinux_2_25_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"],
    ("Linux", "aarch64"): ["manylinux_2_28_aarch64", "manylinux_2_25_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"],
    ("Darwin", "arm64"): ["macosx_11_0_arm64"],
}


class Missing(Exception):
    """Something the machine lacks; the message names it and its remedy in one line."""


def output(*command):
    """Return a command's output, or None if it is absent or fails."""
    try:
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def debian(package, other):
    """Return how to install something: with apt-get if there is one, else in words."""
    return f"apt-get install {package}" if shutil.which("apt-get") else other


def check_go():
    want = ".".join(map(str, GO))
    if not shutil.which("go"):
        raise Missing(f"no go: install Go {want} or newer from go.dev/dl")
    version = output("go", "env", "GOVERSION")
    found = re.match(r"go(\d+)\.(\d+)", version or "")
    if not found or (int(found[1]), int(found[2])) < GO:
        raise Missing(f"Go is {version or 'too old to read go.mod'}: install Go {want} or newer from go.dev/dl")


def compiler():
    """Return the C++ compiler as a list of words: $CXX, else g++ or clang++."""
    given = shlex.split(os.environ.get("CXX", ""))
    for words in [given] if given else [["g++"], ["clang++"], ["c++"]]:
        if shutil.which(words[0]):
            return words
    remedy = debian("g++", "xcode-select --install" if sys.platform == "darwin" else "install g++ 9 or newer")
    raise Missing(f"no C++ compiler{' ' + given[0] if given else ''}: {remedy}")


def check_compiler():
    words = compiler()
    try:
        probe = subprocess.run([*words, "-std=c++17", "-fsyntax-only", "-x", "c++", "-"], input="#include <optional>\n",
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except OSError as err:
        raise Missing(f"the C++ compiler {words[0]} does not start: {err}")
    if probe.returncode:
        raise Missing(f"{words[0]} does not compile C++17: install g++ 9 or newer, or set CXX")
    cc = shlex.split(os.environ.get("CC", ""))
    if not shutil.which(cc[0] if cc else (output("go", "env", "CC") or "gcc").split()[0]):
        raise Missing("no C compiler, which cgo needs: " + debian("gcc", "install gcc or clang"))


def check_pip():
    if output(sys.executable, "-m", "pip", "--version") is None:
        raise Missing("no pip: " + debian("python3-pip", f"{sys.executable} -m ensurepip"))


def check():
    """Report everything that is missing at once, one line each."""
    wants = [check_go, check_compiler]
    if not os.environ.get("LIBTORCH") and not (ready() and jpeg_ready()):
        wants.append(check_pip)
    lacks = []
    for want in wants:
        try:
            want()
        except Missing as err:
            lacks.append(str(err))
    if lacks:
        raise Missing("\n".join(lacks))


def pins():
    """Return the text of an up-to-date stamp in .libtorch: it changes with the pinned versions and with KEEP."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes() + repr(KEEP).encode()).hexdigest()
    return f"{digest} {platform.system()} {platform.machine()}\n"


def ready():
    return STAMP.is_file() and STAMP.read_text() == pins()


@contextlib.contextmanager
def alone():
    """Hold a lock, so that two concurrent makes fetch libtorch once."""
    import fcntl
    with open(ROOT / ".libtorch.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("setup: waiting for another setup in this folder", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def modern(libc):
    """Return whether platform.libc_ver() is a glibc that the wheels (manylinux_2_28) run on."""
    name, number = libc
    return name == "glibc" and tuple(int(part) for part in re.findall(r"\d+", number)) >= (2, 28)


def fetch():
    """Fetch the pinned wheels with pip and unpack their kept parts into .libtorch/, whole or not at all."""
    machine = (platform.system(), platform.machine())
    tags = PLATFORMS.get(machine)
    if tags is None:
        raise Missing(f"there is no libtorch wheel for {' '.join(machine)}: set LIBTORCH=/path to a libtorch {TESTED}")
    if machine[0] == "Linux" and not modern(platform.libc_ver()):
        raise Missing(f"PyPI's libtorch needs glibc 2.28 or newer, and this is {' '.join(platform.libc_ver()).strip() or 'another C library'}: "
                      f"set LIBTORCH=/path to a libtorch {TESTED} built for it")
    free = shutil.disk_usage(ROOT).free
    if free < 2 * GIB:
        raise Missing(f"only {free / GIB:.1f} GiB free in {ROOT}: fetching libtorch needs 2 GiB (0.5 GiB in the end)")

    part = ROOT / ".libtorch.part"
    shutil.rmtree(part, ignore_errors=True)
    wheels, tree = part / "wheels", part / "tree"
    wheels.mkdir(parents=True)
    tree.mkdir()
    print(f"setup: fetching libtorch {TESTED} for {' '.join(machine)} (once; about 0.5 GB) ...", flush=True)
    if not download(REQUIREMENTS, wheels, tags):
        raise Missing("pip could not fetch libtorch (its message is above): check the network or the proxy and run "
                      f"{AGAIN} again, or set LIBTORCH=/path to an installed libtorch")
    for wheel in sorted(wheels.glob("*.whl")):
        unpack(wheel, tree)
        wheel.unlink()
    layout(tree)
    (tree / "stamp").write_text(pins())
    if HOME.exists():
        HOME.rename(part / "old")
    tree.rename(HOME)
    shutil.rmtree(part)
    size = sum(f.stat().st_size for f in HOME.rglob("*") if f.is_file())
    print(f"setup: libtorch {TESTED} is in {HOME.name}/ ({size / 1e6:.0f} MB)", flush=True)


def download(requirements, wheels, tags):
    """Fetch pinned wheels with pip into the folder wheels; return whether it worked."""
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--require-hashes", "--no-deps",
               "--only-binary=:all:", "--implementation", "cp", "--python-version", "3.11", "--abi", "cp311",
               "--dest", str(wheels), "--requirement", str(requirements)]
    for tag in tags:
        command += ["--platform", tag]
    return subprocess.run(command, env={**os.environ, "TMPDIR": str(wheels)}).returncode == 0


def jpeg_name():
    return "libturbojpeg.0.dylib" if sys.platform == "darwin" else "libturbojpeg.so.0"


def jpeg_pins():
    return hashlib.sha256(JPEG_REQUIREMENTS.read_bytes()).hexdigest()


def jpeg_ready():
    """Return whether libjpeg-turbo is there or cannot be fetched for this machine."""
    if os.environ.get("LIBTURBOJPEG") or (platform.system(), platform.machine()) not in JPEG_MACHINES:
        return True
    stamp = JPEG / "stamp"
    return (JPEG / jpeg_name()).is_file() and stamp.is_file() and stamp.read_text() == jpeg_pins()


def setup_jpeg():
    """Put libjpeg-turbo into bin/, where the program looks for it first."""
    beside = ROOT / "bin" / jpeg_name()
    given = os.environ.get("LIBTURBOJPEG")
    if given:
        source = Path(given).expanduser().resolve()
        if not source.is_file():
            raise Missing(f"LIBTURBOJPEG={given} is not a file: name libjpeg-turbo's {jpeg_name()}, or unset it to fetch one")
    elif (platform.system(), platform.machine()) not in JPEG_MACHINES:
        print(f"setup: there is no libjpeg-turbo wheel for {platform.system()} {platform.machine()}: "
              f"{debian('libturbojpeg0', 'install libjpeg-turbo')}, else Go decodes JPEG, more slowly, to the same pixels")
        return
    else:
        if not jpeg_ready():
            with alone():
                if not jpeg_ready() and not fetch_jpeg():
                    return
        source = JPEG / jpeg_name()
    beside.parent.mkdir(exist_ok=True)
    if given:
        beside.unlink(missing_ok=True)
        beside.symlink_to(source)
    elif beside.is_symlink() or not beside.is_file() or beside.read_bytes() != source.read_bytes():
        part = beside.with_name(beside.name + ".part")
        shutil.copyfile(source, part)
        part.replace(beside)


def fetch_jpeg():
    """Fetch the pinned libjpeg-turbo into .libtorch/turbojpeg/; return whether it is there."""
    tags = PLATFORMS[platform.system(), platform.machine()]
    HOME.mkdir(exist_ok=True)
    part = HOME / "turbojpeg.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    print("setup: fetching libjpeg-turbo (once; 0.6 MB) ...", flush=True)
    if not download(JPEG_REQUIREMENTS, part, tags):
        shutil.rmtree(part)
        why = (f"pip could not fetch libjpeg-turbo (its message is above): check the network or the proxy and run make again, "
               f"or set LIBTURBOJPEG=/path to an installed {jpeg_name()}")
        # A machine with its own libtorch may have no network. The system may have the library; doctor says which.
        if os.environ.get("LIBTORCH"):
            print(f"setup: {why}; continuing without")
            return False
        raise Missing(why)
    wheel = next(part.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        member = next(name for name in archive.namelist() if JPEG_MEMBER.fullmatch(name))
        (part / jpeg_name()).write_bytes(archive.read(member))
    wheel.unlink()
    (part / "stamp").write_text(jpeg_pins())
    shutil.rmtree(JPEG, ignore_errors=True)
    part.rename(JPEG)
    return True


def unpack(wheel, tree):
    """Write the kept members of a wheel under tree."""
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            for pattern, folder in KEEP:
                found = pattern.fullmatch(member.filename)
                if found and not member.is_dir():
                    path = tree / folder / found[1]
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with archive.open(member) as source, open(path, "wb") as target:
                        shutil.copyfileobj(source, target, 1 << 20)


def library(folder, name):
    """Return the path of lib<name> in folder, or None."""
    for suffix in (".so", ".dylib"):
        path = folder / f"lib{name}{suffix}"
        if path.is_file():
            return path
    return None


def layout(root):
    """Check that root has the libraries and headers the shim needs."""
    for path in (root / "include/torch/csrc/api/include", root / "include/ATen/core/Tensor.h", root / "include/c10"):
        if not path.exists():
            raise Missing(f"libtorch in {root} lacks its headers ({path.relative_to(root)}): use a full libtorch archive or PyTorch's wheel")
    for name in ("torch_cpu", "c10"):
        if library(root / "lib", name) is None:
            raise Missing(f"libtorch in {root} lacks lib/lib{name}: use a full libtorch archive or PyTorch's wheel")


def installed(given):
    """Return the folder with lib/ and include/ that LIBTORCH names."""
    base = Path(given).expanduser()
    if not base.is_dir():
        raise Missing(f"LIBTORCH={given} is not a folder: set it to a libtorch folder or a Python environment with torch, or unset it")
    base = base.resolve()
    places = [base, base / "torch", base / "libtorch"]
    for packages in ("lib/python3*/site-packages/torch", "lib/python3*/dist-packages/torch", "lib64/python3*/site-packages/torch"):
        places += sorted(base.glob(packages))
    for place in places:
        if (place / "lib").is_dir() and library(place / "lib", "torch_cpu"):
            layout(place)
            return place
    raise Missing(f"LIBTORCH={given} holds no libtorch (no lib/libtorch_cpu): set it to an unpacked libtorch archive, "
                  "a Python environment with torch, or its site-packages/torch; or unset it to fetch one")


def version(root):
    """Return libtorch's version from its headers."""
    header = root / "include/torch/headeronly/version.h"
    if not header.is_file():
        header = root / "include/torch/csrc/api/include/torch/version.h"
    text = header.read_text() if header.is_file() else ""
    parts = [re.search(rf"#define TORCH_VERSION_{part} (\d+)", text) for part in ("MAJOR", "MINOR", "PATCH")]
    if not all(parts):
        raise Missing(f"{root} does not state its version in {header.relative_to(root)}: use libtorch {TESTED}")
    return tuple(int(part[1]) for part in parts)


def runtime():
    """Put libtorch where the engine library of an unpacked archive looks for it: .libtorch/lib."""
    given = os.environ.get("LIBTORCH")
    if given:
        root = installed(given)
        number = ".".join(map(str, version(root)))
        if number != TESTED:
            raise Missing(f"libtorch in {root} is {number}, but the engine library here was built with {TESTED}: "
                          f"set LIBTORCH=/path to a libtorch {TESTED}, or unset it to fetch one")
        lib = root / "lib"
        if (HOME / "lib").resolve() != lib:
            if HOME.is_symlink():
                HOME.unlink()
            elif HOME.exists():
                shutil.rmtree(HOME)
            HOME.mkdir()
            (HOME / "lib").symlink_to(lib)
        print(f"setup: using libtorch {number} in {root}")
        return
    if not ready():
        check_pip()
        with alone():
            if not ready():
                fetch()


def setup():
    check()
    given = os.environ.get("LIBTORCH")
    if given:
        root = installed(given)
        number = ".".join(map(str, version(root)))
        note = "" if number == TESTED else f"; Parallax was tested with {TESTED}"
        print(f"setup: using libtorch {number} in {root}{note}")
    elif not ready():
        with alone():
            if not ready():
                fetch()
    setup_jpeg()


def memory():
    """Return the machine's memory in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def flags(target):
    """Write make variables for scripts/shim.mk; do not touch an unchanged file, so that nothing is rebuilt."""
    given = os.environ.get("LIBTORCH")
    root = installed(given) if given else HOME
    layout(root)
    number = version(root)
    lib = root / "lib"
    mac = sys.platform == "darwin"
    # A fetched libtorch moves with the checkout; an installed one stays where it is.
    beside = "@loader_path/../.libtorch/lib" if mac else "$ORIGIN/../.libtorch/lib"
    paths = [str(lib)] if given else [beside, str(lib)]
    link = [f"-L{lib}"]
    if not mac:
        link += ["-Wl,--disable-new-dtags", "-Wl,--no-as-needed"]
    libraries = ["-ltorch_cpu", "-lc10"]
    # libtorch's own OpenMP, so that the process has only one pool of threads.
    libraries += [f"-l:{path.name}" for path in sorted(lib.glob("libgomp*.so*"))[:1]]
    cuda = ["-ltorch_cuda", "-lc10_cuda"] if library(lib, "torch_cuda") and library(lib, "c10_cuda") else []
    headers = nccl_headers(root) if cuda else None
    lines = {
        "CXX": quote(compiler()),
        # Headers newer than 2.11's use C++20.
        "CXXFLAGS": quote(["-std=c++20" if number > (2, 11, 99) else "-std=c++17", "-O2", "-fPIC", "-fvisibility=hidden", "-Wall",
                           # Messages of libtorch's headers name files: the same names wherever it is built.
                           *(f"-ffile-prefix-map={path}=libtorch" for path in dict.fromkeys([root, root.resolve()])),
                           "-isystem", str(root / "include"), "-isystem", str(root / "include/torch/csrc/api/include")]),
        "LDFLAGS": quote(["-shared", *link]),
        "RPATH": quote(f"-Wl,-rpath,{path}" for path in paths),
        # The copy in the archive of make dist knows nothing of this machine.
        "ARCHIVE_RPATH": quote([f"-Wl,-rpath,{beside}"]),
        "LIBS": quote(libraries),
        "CUDALIBS": quote(cuda),
        "CUDAFLAGS": quote(word for place in headers or [] for word in ("-isystem", str(place))),
        "NCCL": "" if headers is None else "$(BIN)/obj/cuda/nccl.o",
        "SUFFIX": "dylib" if mac else "so",
        "JOBS": str(max(1, min(os.cpu_count() or 1, memory() // (3 * GIB // 2)))),
    }
    text = f"# libtorch {'.'.join(map(str, number))}; written by scripts/libtorch.py\n"
    text += "".join(f"{name} := {value}\n" for name, value in lines.items())
    path = Path(target)
    if not path.is_file() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def nccl_headers(root):
    """Return the folders of CUDA's and NCCL's headers, of NVIDIA's wheels or of the system; None if they are not there."""
    beside = root.parent / "nvidia"
    homes = [os.environ.get(name) for name in ("CUDA_HOME", "CUDA_PATH", "NCCL_HOME")]
    places = [*sorted(beside.glob("cu*/include")), beside / "nccl/include", *(Path(home) / "include" for home in homes if home),
              Path("/usr/local/cuda/include"), Path("/usr/include")]
    found = []
    for header in ("cuda_runtime.h", "crt/host_config.h", "nv/target", "nccl.h"):
        place = next((place for place in places if (place / header).is_file()), None)
        if place is None:
            print(f"setup: no {header}: the engine library for CUDA is built without NCCL, and one process uses one GPU. "
                  "Set CUDA_HOME and NCCL_HOME to NVIDIA's toolkit and NCCL, or install nvidia-cuda-crt and nvidia-cuda-cccl beside torch with pip",
                  file=sys.stderr)
            return None
        found.append(place)
    return [place for place in dict.fromkeys(found) if place != Path("/usr/include")]


def quote(words):
    """Quote words for a recipe of make: first for the shell, then make's dollar and hash."""
    return " ".join(map(shlex.quote, words)).replace("$", "$$").replace("#", "\\#")


def main(arguments):
    if arguments == ["check"]:
        check()
    elif arguments == ["setup"]:
        setup()
    elif len(arguments) == 2 and arguments[0] == "flags":
        flags(arguments[1])
    elif arguments == ["runtime"]:
        runtime()
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Missing as err:
        for line in str(err).splitlines():
            print(f"setup: {line}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(f"setup: interrupted; {START} starts it again")
    except OSError as err:
        sys.exit(f"setup: {err}: free space or change the permissions, then run {START} again")
