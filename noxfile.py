"""Everything that is done with a checkout: `python -m nox -l` lists it."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = [
    "lint",
    "typing",
    "check_generated",
    "bare",
    "minimums",
    "tests",
    "build",
    "demo",
]
nox.options.error_on_external_run = True

ROOT = Path(__file__).parent
PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
CONSTRAINTS = ("-c", "requirements/constraints.txt")
EXTRAS = "fast,jobs,cli,local,proxy,otel"
PARALLEL = ("-n", "auto")
BARE = [
    *(f"tests/{room}" for room in ("_base", "_request", "_http", "_bulk", "cache", "lobby")),
    *("tests/testing", "tests/bare", "tests/test_architecture.py"),
]
# The local model has no wheels for later Pythons.
LOCAL_MODEL = sys.version_info < (3, 14)
README_RUNS: list[tuple[str, tuple[str, ...]]] = [
    ("", ()),
    *([("[local]", ("--local",))] if LOCAL_MODEL else []),
]
GENERATED_TESTS = [
    *("tests/generated", "tests/_request", "tests/lobby/test_client.py"),
    *(f"tests/tools/test_{name}.py" for name in ("patch", "generate", "generator_defects")),
]
WITH_EXTRAS = [f"tests/{room}" for room in ("cli", "docs", "jobs", "local", "proxy", "values")]


def group(name: str) -> list[str]:
    """Read a dependency group; pip itself can do so only from version 25.1 on."""
    return list(nox.project.dependency_groups(PROJECT, name))


def lowest(requirements: list[str]) -> list[str]:
    """Turn lower bounds into pins; an extra that names another one of ours has none."""
    own = f"{PROJECT['project']['name']}["
    others = [requirement for requirement in requirements if not requirement.startswith(own)]
    return [re.sub(r">=([\w.]+)", r"==\1", requirement) for requirement in others]


def install(session: nox.Session, *groups: str, extras: str = EXTRAS) -> None:
    """Install the checkout, editable, with the versions that were tested."""
    target = f".[{extras}]" if extras else "."
    needed = [requirement for name in groups for requirement in group(name)]
    session.install(*CONSTRAINTS, "-e", target, *needed)


def empty_environment(session: nox.Session) -> str:
    """Make an environment with nothing in it but pip, and give its Python."""
    folder = Path(session.create_tmp()) / "empty"
    session.run("python", "-m", "venv", "--clear", str(folder))
    return str(folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python"))


@nox.session
def build(session: nox.Session) -> None:
    """Build wheel and sdist, install each where nothing else is, and run the README there."""
    session.install(*CONSTRAINTS, *group("build"))
    folder = Path(session.create_tmp()) / "dist"
    shutil.rmtree(folder, ignore_errors=True)
    # The wheel is built from the sdist, which must therefore be whole.
    session.run("python", "-m", "build", "--outdir", str(folder))
    files = sorted(map(str, folder.iterdir()))
    session.run("twine", "check", "--strict", *files)
    for file in files:
        python = empty_environment(session)
        for extra, options in README_RUNS:
            what = f"{file}{extra}"
            session.run(python, "-m", "pip", "install", "-q", *CONSTRAINTS, what, external=True)
            session.run(python, "-I", "tools/readme.py", *options, external=True)


@nox.session
def demo(session: nox.Session) -> None:
    """Embed the Python language reference on this machine and search it."""
    if not LOCAL_MODEL:
        session.skip("The local model has no wheels for this Python.")
    install(session)
    session.run("openrouter-embeddings", "demo")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, with branch coverage of the hand-written package."""
    install(session, "test")
    covered = () if session.posargs else ("--cov", "--cov-fail-under=95")
    session.run("pytest", *PARALLEL, *covered, *session.posargs)


@nox.session(python=PYTHONS)
def matrix(session: nox.Session) -> None:
    """Run the tests on every supported Python."""
    install(session, "test")
    session.run("pytest", *PARALLEL, *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format, and which room may import which."""
    session.install(*CONSTRAINTS, *group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", "--no-cache", env={"PYTHONPATH": "overlays:generated"})


@nox.session
def typing(session: nox.Session) -> None:
    """Check types with mypy (strict) and pyright."""
    install(session, "typing")
    session.run("mypy")
    session.run("pyright", "--warnings")


@nox.session
def generate(session: nox.Session) -> None:
    """Write `generated/` from `openapi.yaml`."""
    session.install("-r", "requirements/generate.txt")
    session.run("python", "tools/generate.py", *session.posargs)


@nox.session
def check_generated(session: nox.Session) -> None:
    """Fail with a diff where `generated/` is not what `openapi.yaml` gives."""
    session.install("-r", "requirements/generate.txt")
    session.run("python", "tools/generate.py", "--check")


@nox.session
def generator(session: nox.Session) -> None:
    """Report on another version of the generator: `-- VERSION [TESTS]`."""
    version, *tests = session.posargs or [""]
    if not re.fullmatch(r"\d[\w.]*", version):
        session.error("Name a version: nox -s generator -- 0.28.0")
    install(session, "test")
    session.install(f"openapi-python-client=={version}")
    # What formats the output stays the same, whatever that version would have.
    session.install("--no-deps", *CONSTRAINTS, "ruff")
    # Not `create_tmp`: temporary folders would be in .nox, where ruff formats nothing.
    checkout = Path(session.virtualenv.location).resolve() / "checkout"
    shutil.rmtree(checkout, ignore_errors=True)
    left = shutil.ignore_patterns(".nox", ".git", "__pycache__", ".*_cache")
    shutil.copytree(ROOT, checkout, ignore=left)
    package = checkout / "generated" / "openrouter_embeddings_api"
    session.run("python", "tools/generator.py", "--write", str(package), success_codes=[0, 1])
    session.chdir(checkout)
    folders = {"PYTHONPATH": f"{checkout / 'overlays'}{os.pathsep}{checkout / 'generated'}"}
    given = tests or GENERATED_TESTS
    options = (*PARALLEL, "-q", "--tb=line", "-p", "no:cacheprovider")
    session.run("pytest", *options, *given, env=folders, success_codes=[0, 1])


@nox.session
def upstream(session: nox.Session) -> None:
    """Compare the vendor's document with its last one: `-- DOCUMENT [--apply | --record]`."""
    session.install("-r", "requirements/generate.txt")
    session.run("python", "tools/upstream.py", *session.posargs)


@nox.session
def watch(session: nox.Session) -> None:
    """Prepare a change where the vendor's document has changed: `-- DOCUMENT --report FILE`."""
    session.install("-r", "requirements/generate.txt")
    session.run("python", "tools/watch.py", *session.posargs)


@nox.session
def spec_diff(session: nox.Session) -> None:
    """Compare `openapi.yaml` with an earlier revision: `-- [REVISION] [--write]`."""
    session.install("-r", "requirements/generate.txt")
    session.run("python", "tools/spec_diff.py", *session.posargs)


@nox.session
def api_diff(session: nox.Session) -> None:
    """Compare the public names of both packages with an earlier revision: `-- [REVISION]`."""
    session.install("-r", "requirements/generate.txt", *CONSTRAINTS, "griffe")
    session.run("python", "tools/api_diff.py", *session.posargs)


@nox.session
def bare(session: nox.Session) -> None:
    """Run the tests of the base install: none of the extras, and the lowest versions allowed."""
    pins = lowest(PROJECT["project"]["dependencies"])
    session.install("-e", ".", *pins, "pytest", "pytest-asyncio", "pytest-xdist")
    session.run("pytest", *PARALLEL, *BARE, *session.posargs)


@nox.session
def minimums(session: nox.Session) -> None:
    """Run the tests of what needs extras with the lowest versions that `pyproject.toml` allows."""
    project = PROJECT["project"]
    pins = lowest(project["dependencies"])
    for extra in EXTRAS.split(","):
        pins += lowest(project["optional-dependencies"][extra])
    others = ("pytest", "pytest-asyncio", "pytest-xdist", "pandas", "pillow", "polars", "duckdb")
    session.install("-e", f".[{EXTRAS}]", *pins, *others)
    session.run("pytest", *PARALLEL, *WITH_EXTRAS, *session.posargs)


@nox.session
def interop(session: nox.Session) -> None:
    """Let other clients talk to the local server: the vendor's for Python and npm, and openai."""
    session.install(*CONSTRAINTS, "-e", f".[{EXTRAS}]", "pytest", "pytest-asyncio")
    session.install("-r", "requirements/interop.txt")
    tests = "tests/interop/test_vendor_clients.py"
    session.run("pytest", tests, "--override-ini=addopts=-ra", *session.posargs)


HOMES = sorted(path.stem for path in (ROOT / "requirements" / "homes").glob("*.txt"))
SOURCES = ("overlays", "generated")
HOME_SETTINGS = "--rcfile=tests/integrations/coverage.ini"
HOME_OPTIONS = "--override-ini=addopts=-ra --strict-markers --import-mode=importlib"
# What a framework leaves without types is not for a home to say.
UNTYPED = {f"reportUnknown{what}Type": False for what in ("Argument", "Member", "Variable")}


@nox.session
@nox.parametrize("home", HOMES)
def homes(session: nox.Session, home: str) -> None:
    """Test each home in another framework, in its own environment: `-- [--faults | --lowest]`."""
    if "--lowest" in session.posargs:
        try_lowest_home(session, home)
        return
    session.install("-r", f"requirements/homes/{home}.txt", "-e", f".[{home},local]")
    if "--faults" in session.posargs:
        compare_home(session, home)
        return
    file = f"overlays/openrouter_embeddings/integrations/{home}.py"
    session.run("mypy", file)
    session.run("pyright", "--warnings", "--project", home_settings(session, file))
    covered = ("coverage", "run", HOME_SETTINGS, f"--include={file}", "-m")
    tests = f"tests/integrations/test_{home}.py"
    data = {"COVERAGE_FILE": str(Path(session.create_tmp()) / "coverage")}
    session.run(*covered, "pytest", HOME_OPTIONS, tests, *session.posargs, env=data)
    if not session.posargs:
        session.run("coverage", "report", HOME_SETTINGS, "--fail-under=95", env=data)


def home_settings(session: nox.Session, file: str) -> str:
    """Write settings of pyright, strict, for one home, and return where they are.

    The main run leaves the homes out, and would find nothing to check here; paths of its settings
    count from where these stand.
    """
    config = Path(session.create_tmp()) / "pyright.json"
    paths = [os.path.relpath(ROOT / place, config.parent) for place in (file, *SOURCES)]
    settings = {"include": paths[:1], "extraPaths": paths[1:], "pythonVersion": "3.11"}
    config.write_text(json.dumps({**settings, "typeCheckingMode": "strict", **UNTYPED}))
    return str(config)


def try_lowest_home(session: nox.Session, home: str) -> None:
    """Test a home with the lowest version of its library that `pyproject.toml` allows."""
    pins = lowest(PROJECT["project"]["optional-dependencies"][home.replace("_", "-")])
    lines = (ROOT / "requirements" / "homes" / f"{home}.in").read_text().splitlines()
    names = [line.partition("==")[0] for line in lines if not line.startswith("-r ")]
    session.install("uv")  # pip would try versions of what goes with an old one for minutes
    target = ("--python", str(Path(session.bin) / "python"), "-e", f".[{home},local]")
    needed = (*pins, *names, "pytest", "pytest-asyncio")
    session.run("uv", "pip", "install", "--quiet", *target, *needed)
    # Old libraries warn of new ones beside them.
    warnings = "--override-ini=filterwarnings=error::ResourceWarning"
    session.run("pytest", HOME_OPTIONS, warnings, f"tests/integrations/test_{home}.py")


def compare_home(session: nox.Session, home: str) -> None:
    """Print what a framework's own class and our home make of faults, and so for earlier homes."""
    place = Path(session.cache_dir) / "faults-of-homes.json"
    if home == HOMES[0]:
        place.unlink(missing_ok=True)
    session.run("python", "benchmarks/faults_of_homes.py", home, str(place))


@nox.session
def contract(session: nox.Session) -> None:
    """Check a server against the contract: `-- [--base-url URL] [options]`; npm's Prism as well."""
    install(session, "test", extras="fast,cli,local,contract")
    words = list(session.posargs)
    if "--base-url" in words:
        place = words.index("--base-url")
        words[place : place + 2] = [words[place + 1]]
    else:
        words.append("--local")
    report = Path(session.create_tmp()) / "contract.xml"
    session.run("openrouter-embeddings", "contract", *words, "--junit", str(report))
    session.log(f"JUnit XML: {report}")
    if "--base-url" not in session.posargs:
        session.run("pytest", "tests/interop/test_prism.py", "--override-ini=addopts=-ra")


@nox.session
def faults_of_peers(session: nox.Session) -> None:
    """Print what other clients make of the faults of the test kit."""
    session.install(*CONSTRAINTS, "-e", ".")
    session.install("-r", "requirements/interop.txt")
    session.run("python", "benchmarks/faults_of_peers.py")


@nox.session
def proxy_clients(session: nox.Session) -> None:
    """Let other clients, one of npm too, ask a faulty server directly and through the proxy."""
    session.install("-e", ".[proxy]", "-r", "requirements/proxy_clients.txt")
    session.run("python", "benchmarks/proxy_clients.py")


@nox.session
def chaos(session: nox.Session) -> None:
    """Embed through a hostile server, two processes on a cache, kill jobs: `-- [--seeds 10]`."""
    session.install(*CONSTRAINTS, "-e", ".[cli]")
    session.run("python", "benchmarks/pace.py")
    session.run("python", "benchmarks/chaos.py", *session.posargs)
    session.run("python", "benchmarks/kills.py", *session.posargs)


@nox.session
def borders(session: nox.Session) -> None:
    """Draw 5,000 arguments, environments and replies for each property, and print their counts."""
    install(session, "test")
    tests = ("tests/lobby/test_borders.py", "tests/lobby/test_border_replies.py")
    session.run("pytest", *tests, *session.posargs, env={"BORDERS_DRAWS": "5000"})


@nox.session
def money(session: nox.Session) -> None:
    """Count on a server what each fault costs, and hold max_cost: `-- [--only nan,silence]`."""
    session.install(*CONSTRAINTS, "-e", ".")
    session.run("python", "benchmarks/money.py", *session.posargs)


@nox.session
def interrupts(session: nox.Session) -> None:
    """Interrupt runs at random moments, and let what stands beside them fail: `-- [--runs 300]`."""
    session.install(*CONSTRAINTS, "-e", ".")
    session.run("python", "benchmarks/interrupts.py", *session.posargs)
    session.run("python", "benchmarks/side_parts.py")


@nox.session
def bench(session: nox.Session) -> None:
    """Compare speed and memory with other clients: `-- [--quick]`; a quarter of an hour."""
    session.install(*CONSTRAINTS, "-e", ".[cli]")
    session.install("-r", "requirements/bench.txt")
    session.run("python", "-m", "bench", *session.posargs, env={"PYTHONPATH": "benchmarks"})


@nox.session
def job_scale(session: nox.Session) -> None:
    """Measure what file jobs take: `-- [--rows N] [--width N] [--only WHAT] [--old CHECKOUT]`."""
    session.install(*CONSTRAINTS, "-e", ".[fast,cli]")
    session.run("python", "benchmarks/jobs.py", *session.posargs)


@nox.session
def lock(session: nox.Session) -> None:
    """Write the pinned versions anew: what a fresh machine gets is what was tested."""
    session.install("uv")
    options = ("--universal", "--python-version", "3.11", "--no-header", "--no-annotate")
    quiet = ("--no-emit-index-url", "--quiet", "--upgrade")
    groups = [part for name in ("test", "lint", "typing", "build") for part in ("--group", name)]
    extras = [part for name in f"{EXTRAS},contract".split(",") for part in ("--extra", name)]
    target = "requirements/constraints.txt"
    run = ("uv", "pip", "compile", *options, *quiet)
    session.run(*run, "pyproject.toml", *extras, *groups, "-o", target)
    session.run(*run, "requirements/generate.in", "-o", "requirements/generate.txt")
    for home in HOMES:
        needed = ("--extra", home, "--extra", "local", f"requirements/homes/{home}.in")
        session.run(*run, "pyproject.toml", *needed, "-o", f"requirements/homes/{home}.txt")
