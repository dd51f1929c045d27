"""The peers' images: built once, tagged by the hash of everything they are made of.

``FROM debian:SUITE-slim`` where a registry can be reached; elsewhere the base is made with mmdebstrap from the
mirror that the host's apt is configured for. ``save``/``restore`` move the built images through a cache folder.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.errors import APIError, BuildError, DockerException, ImageNotFound

from peers.errors import LabError
from peers.paths import cache_dir

IMAGES = Path(__file__).resolve().parent / "images"
LABEL = "ikeproof"


@dataclass(frozen=True, slots=True)
class Image:
    """``folder`` under ``images/`` built on a Debian ``suite``; ``bases`` are further suites by build argument."""

    name: str
    folder: str
    suite: str
    bases: tuple[tuple[str, str], ...] = ()

    @property
    def path(self) -> Path:
        """The build context."""
        return IMAGES / self.folder

    @property
    def suites(self) -> dict[str, str]:
        """Build argument -> Debian suite."""
        return {"BASE": self.suite, **dict(self.bases)}

    def content_hash(self) -> str:
        """Hash of the build context and suites: a changed input gives another tag."""
        digest = hashlib.sha256(repr(sorted(self.suites.items())).encode())
        for file in sorted(path for path in self.path.rglob("*") if path.is_file()):
            digest.update(str(file.relative_to(self.path)).encode() + b"\0" + file.read_bytes() + b"\0")
        return digest.hexdigest()[:16]

    @property
    def tag(self) -> str:
        """The image's full name in the engine."""
        return f"ikeproof/{self.name}:{self.content_hash()}"


CATALOGUE = {
    image.name: image
    for image in (
        Image("strongswan-5.9", "strongswan", "bookworm"),
        Image("strongswan-6.0", "strongswan", "trixie"),
        # the User-Mode Linux kernels of later suites need a newer C library than a bookworm host has
        Image("libreswan-5.2", "libreswan", "trixie", (("KERNEL_BASE", "bookworm"),)),
        Image("strongswan-vectors", "strongswan-vectors", "trixie"),
        Image("nat", "nat", "trixie"),
    )
}


def ensure(client: docker.DockerClient, name: str, say: Callable[[str], None] = lambda _: None) -> str:
    """The tag of image ``name``, built now if the engine does not have it."""
    image = CATALOGUE[name]
    try:
        client.images.get(image.tag)
        return image.tag
    except ImageNotFound:
        pass
    if _restore(client, image):
        return image.tag
    arguments = {argument: _base(client, suite, say) for argument, suite in image.suites.items()}
    say(f"building the image of {name}")
    try:
        client.images.build(
            path=str(image.path),
            tag=image.tag,
            buildargs={**arguments, **_proxies()},
            network_mode="host",
            labels={LABEL: name},
            rm=True,
            forcerm=True,
        )
    except BuildError as error:
        log = "".join(str(line.get("stream", "")) for line in error.build_log)[-1500:]
        raise LabError(
            f"the image of {name} cannot be built: {error.msg}\n{log}", "Check access to a Debian mirror"
        ) from None
    except (APIError, TypeError) as error:
        raise LabError(f"the image of {name} cannot be built: {error}", "Check the Docker engine") from None
    return image.tag


def _proxies() -> dict[str, str]:
    return {key: os.environ[key] for key in ("http_proxy", "https_proxy", "no_proxy") if os.environ.get(key)}


def _base(client: docker.DockerClient, suite: str, say: Callable[[str], None]) -> str:
    own = f"ikeproof/base:{suite}"
    official = f"debian:{suite}-slim"
    for tag in (own, official):
        try:
            client.images.get(tag)
            return tag
        except ImageNotFound:
            continue
    if _pull(client, official):
        return official
    say(f"no registry answers: making a Debian {suite} base with mmdebstrap")
    _import(client, own, _bootstrap(suite))
    return own


def _pull(client: docker.DockerClient, tag: str) -> bool:
    try:
        client.images.pull(tag)
    except (DockerException, OSError):
        return False
    return True


def _import(client: docker.DockerClient, tag: str, tar: Path) -> None:
    repository, _, label = tag.partition(":")
    client.api.import_image_from_file(str(tar), repository=repository, tag=label)


def _bootstrap(suite: str) -> Path:
    """A root file system of a Debian suite as a tar, kept in the cache."""
    tar = cache_dir() / "bases" / f"{suite}.tar"
    if tar.is_file():
        return tar
    mmdebstrap = shutil.which("mmdebstrap")
    if mmdebstrap is None:
        raise LabError(
            f"no image debian:{suite}-slim and no mmdebstrap to make one",
            "Give the Docker engine access to a registry, or apt-get install mmdebstrap",
        )
    tar.parent.mkdir(parents=True, exist_ok=True)
    unfinished = tar.with_suffix(f".{os.getpid()}.tar")
    command = [mmdebstrap, "--quiet", "--variant=apt", "--include=ca-certificates"]
    command += [f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("doc", "man", "locale")]
    command += [suite, str(unfinished), *_mirror()]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
        if done.returncode:
            raise LabError(
                f"mmdebstrap could not make a Debian {suite} base: {done.stderr.strip()[-800:]}",
                "Check that apt's mirror can be reached and debian-archive-keyring is installed",
            )
        unfinished.rename(tar)
    finally:
        unfinished.unlink(missing_ok=True)
    return tar


def _mirror() -> list[str]:
    """The Debian mirror that the host's apt uses; empty (mmdebstrap's own default) on another distribution."""
    try:
        release = Path("/etc/os-release").read_text()
    except OSError:
        return []
    if "ID=debian" not in release.splitlines():
        return []
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages", "Component: main"],
        capture_output=True,
        text=True,
        check=False,
    )
    codename = next(
        (line.partition("=")[2] for line in release.splitlines() if line.startswith("VERSION_CODENAME=")), ""
    )
    for line in listed.stdout.splitlines():
        suite, _, uri = line.partition(" ")
        if suite == codename and uri:
            return [uri]
    return []


def _archive(image: Image, folder: Path) -> Path:
    return folder / f"{image.name}-{image.content_hash()}.tar.zst"


def save(client: docker.DockerClient, name: str, folder: Path) -> Path:
    """Write the built image into ``folder`` (zstd-compressed), for another machine or a later CI run."""
    image = CATALOGUE[name]
    archive = _archive(image, folder)
    if archive.exists():
        return archive
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = archive.with_suffix(f".{os.getpid()}")
    with unfinished.open("wb") as output:
        zstd = subprocess.Popen(["zstd", "-q", "-3", "-T0"], stdin=subprocess.PIPE, stdout=output)
        assert zstd.stdin is not None
        for chunk in client.images.get(image.tag).save(named=True):
            zstd.stdin.write(chunk)
        zstd.stdin.close()
        if zstd.wait():
            unfinished.unlink()
            raise LabError(f"zstd could not write {archive}", "Check the free space")
    unfinished.rename(archive)
    return archive


def _restore(client: docker.DockerClient, image: Image) -> bool:
    """Load the image from ``$IKEPROOF_IMAGE_CACHE`` if it holds this very content."""
    configured = os.environ.get("IKEPROOF_IMAGE_CACHE")
    if not configured or not (archive := _archive(image, Path(configured))).is_file():
        return False
    zstd = subprocess.Popen(["zstd", "-q", "-d", "-c", str(archive)], stdout=subprocess.PIPE)
    assert zstd.stdout is not None
    try:
        client.images.load(zstd.stdout)
    finally:
        zstd.stdout.close()
        status = zstd.wait()
    return status == 0
