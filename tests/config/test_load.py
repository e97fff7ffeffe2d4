"""A configuration is read whole, or everything wrong with it is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from jano_core.config.load import Loaded, load
from jano_core.config.schema import Config
from jano_core.errors import ConfigError
from jano_core.plugin.registry import Registry

Load = Callable[..., Loaded]
Wrong = Callable[..., list[str]]

CHAT = '[models.chat]\ncmd = "server --port ${PORT}"\n'


def test_ten_lines_are_enough(loading: Load) -> None:
    loaded = loading(CHAT + '[models.code]\nurl = "http://127.0.0.1:9000/"\n')
    chat, code = loaded.config.models["chat"], loaded.config.models["code"]
    assert (chat.launch, chat.health, chat.backend) == ("process", "/health", "openai")
    assert (code.launch, code.url) == ("attach", "http://127.0.0.1:9000")
    assert loaded.config.server.port == 8082
    assert loaded.warnings == ()
    assert [file.name for file in loaded.files] == ["jano.toml"]


def test_empty_strings_unset_what_may_be_unset(loading: Load) -> None:
    loaded = loading(
        '[memory]\nbudget = ""\n'
        + CHAT
        + 'memory = ""\nload_time = ""\nstart_timeout = ""\nstop_timeout = ""\n'
    )
    chat = loaded.config.models["chat"]
    assert loaded.config.memory.budget is None
    assert chat.memory is chat.load_time is chat.start_timeout is chat.stop_timeout is None


def test_units(loading: Load) -> None:
    loaded = loading(
        '[server]\nkeepalive = "250ms"\nmax_body = 1000\n[memory]\nbudget = "2GiB"\n'
        + CHAT
        + 'ttl = "15m"\nmemory = "800MB"\n'
    )
    assert loaded.config.server.keepalive == 0.25
    assert loaded.config.server.max_body == 1000
    assert loaded.config.memory.budget == 2 * 2**30
    assert loaded.config.models["chat"].ttl == 900
    assert loaded.config.models["chat"].memory == 800_000_000


@pytest.mark.parametrize(
    ("keys", "launch"),
    [
        ('cmd = "x ${PORT}"', "process"),
        ('url = "http://h:1"', "script"),
        ('url = "http://h:1"\nresident = true', "attach"),
        ('cmd = "x ${PORT}"\nurl = "http://h:${PORT}"', "process"),
        ('url = "http://h:1"\nlaunch = "attach"', "attach"),
    ],
)
def test_keys_imply_the_launcher(loading: Load, keys: str, launch: str) -> None:
    loaded = loading(f'[swap]\ncommand = "/swap.sh"\n[models.m]\n{keys}\n')
    assert loaded.config.models["m"].launch == launch


def test_the_command_line_wins(loading: Load) -> None:
    loaded = loading("[server]\nport = 1\n" + CHAT, host="127.0.0.2", port=0)
    assert (loaded.config.server.host, loaded.config.server.port) == ("127.0.0.2", 0)


def test_no_models_is_a_warning(loading: Load) -> None:
    assert loading("").warnings == ("there are no models; add [models.NAME] with cmd or url",)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a = = 1", "jano.toml:1: Invalid value (column 5)"),
        ("[server]\nport = 1\nport = 2\n\n", "jano.toml:3: the same key is given twice"),
        ("[server]\nport = 1\nport = 2", "jano.toml:3: the same key is given twice"),
        (
            '[models."a b".env]\n[models."a b".env]\n',
            'jano.toml:2: [models."a b".env] is there twice',
        ),
        ("[sevrer]\n", 'jano.toml:1: sevrer: unknown key; did you mean "server"?'),
        (
            CHAT + "paralel = 2\n",
            'jano.toml:3: [models.chat] paralel: unknown key; did you mean "parallel"?',
        ),
        (
            CHAT + "parallel = 0\n",
            "jano.toml:3: [models.chat] parallel: expected a whole number >= 1, found 0",
        ),
        (
            CHAT + 'parallel = "two"\n',
            'jano.toml:3: [models.chat] parallel: expected a whole number, found "two"',
        ),
        (
            CHAT + 'priority = "urgent"\n',
            'jano.toml:3: [models.chat] priority: "urgent" is not allowed; '
            'write one of "high", "normal", "low"',
        ),
        (
            CHAT + 'ttl = "15 min"\n',
            "jano.toml:3: [models.chat] ttl: '15 min' is not a duration; "
            'write "250ms", "30s", "15m", "2h" or seconds as a number',
        ),
        (
            CHAT + 'memory = "22G"\n',
            "jano.toml:3: [models.chat] memory: '22G' is not a size; "
            'write "22GiB", "800MB" or bytes as a number',
        ),
        (
            CHAT + "pinned = 1\n",
            "jano.toml:3: [models.chat] pinned: expected true or false, found 1",
        ),
        (
            CHAT + 'aliases = "gpt"\n',
            'jano.toml:3: [models.chat] aliases: expected a list, found "gpt"',
        ),
        (
            CHAT + "env = { A = 1 }\n",
            "jano.toml:3: [models.chat.env] A: expected a string, found 1",
        ),
        (
            "[models.chat]\ncmd = 3\n",
            "jano.toml:2: [models.chat] cmd: expected a string or a list, found 3",
        ),
        (
            "[models]\nchat = 3\n",
            "jano.toml:2: [models] chat: expected a table, found 3",
        ),
        (
            CHAT + '[models.chat.request]\nremove = ["a", 3]\n',
            'jano.toml:4: [models.chat.request] remove: expected a string, found ["a", 3]',
        ),
        (
            "[models.chat]\nlisted = true\n",
            "jano.toml:1: [models.chat]: nothing says how its server is run; give it cmd (Jano "
            "starts it) or url (it is up already), with command in [swap] if a script swaps models",
        ),
        (
            '[models.chat]\ncmd = "server -p 80"\n',
            "jano.toml:2: [models.chat] cmd: it has no ${PORT} and there is no url, "
            "so Jano cannot know where the server answers",
        ),
        (
            '[models.chat]\ncmd = "server \'open ${PORT}"\n',
            "jano.toml:2: [models.chat] cmd: it cannot be split into words: No closing quotation",
        ),
        (
            '[models.chat]\nurl = "localhost:80"\n',
            'jano.toml:2: [models.chat] url: "localhost:80" is no http:// or https:// address',
        ),
        (
            '[models.chat]\nurl = "http://localhost:99999"\n',
            'jano.toml:2: [models.chat] url: "http://localhost:99999" is no http:// or https:// '
            "address",
        ),
        (
            '[models.chat]\nlaunch = "process"\n',
            'jano.toml:1: [models.chat]: launch = "process" needs cmd',
        ),
        (
            CHAT + 'backend = "vlm"\n',
            'jano.toml:3: [models.chat] backend: unknown backend "vlm"; installed: openai',
        ),
        (
            CHAT + 'launch = "pod"\n',
            'jano.toml:3: [models.chat] launch: unknown launcher "pod"; '
            "installed: attach, process, script",
        ),
        (
            '[scheduler]\nstrategy = "best"\n' + CHAT,
            'jano.toml:2: [scheduler] strategy: unknown strategy "best"; '
            "installed: fifo, greedy, headstart",
        ),
        (
            "[scheduler.settings]\nalfa = 4\n" + CHAT,
            'jano.toml:2: [scheduler.settings] alfa: unknown key; did you mean "alpha"?',
        ),
        (
            '[memory]\nrule = "pairs"\n' + CHAT,
            'jano.toml:2: [memory] rule: unknown residency rule "pairs"; '
            "installed: budget, groups, matrix",
        ),
        (
            '[memory]\nbudget = "10GiB"\n' + CHAT + 'memory = "11GiB"\n',
            "jano.toml:3: [models.chat]: it can never be loaded: it does not fit, not even alone "
            "(11.0 GiB of 10.0)",
        ),
        (
            CHAT + 'preload = true\n[models.code]\ncmd = "code ${PORT}"\npinned = true\n',
            "jano.toml:1: [models.chat]: it can never be loaded: it does not fit beside the pinned "
            "code (without a budget, one model at a time)",
        ),
        (
            '[memory]\nrule = "groups"\n[memory.settings.groups.big]\nmembers = ["chatt"]\n' + CHAT,
            "jano.toml:3: [memory.settings]: \"chatt\": group 'big' names it, but it is not "
            "configured",
        ),
        (
            CHAT + 'env = { KEY = "${env:NO_SUCH}" }\n',
            "jano.toml:3: [models.chat.env] KEY: ${env:NO_SUCH}: NO_SUCH is not set in the "
            "environment",
        ),
        (
            '[server]\nhost = "${env:HOST}"\n[auth]\nauthenticator = "none"\n' + CHAT,
            "jano.toml:2: [server] host: references to secrets are not resolved in this table",
        ),
        (
            '[models.chat]\ncmd = "${HOME}/server ${PORT}"\n',
            "jano.toml:2: [models.chat] cmd: unknown macro ${HOME}; "
            "a variable of the environment is written ${env:HOME}",
        ),
        (
            '[server]\nhost = "0.0.0.0"\n' + CHAT,
            'jano.toml:2: [server] host: "0.0.0.0" can be reached from other machines and there '
            'are no keys; configure [auth], or write authenticator = "none" there to serve '
            "everybody",
        ),
        (
            CHAT + 'paths = ["vision"]\n',
            'jano.toml:3: [models.chat] paths: "vision" must begin with a slash',
        ),
        (
            CHAT + '[profiles.day.pins]\ngpt = "nobody"\n',
            'jano.toml:4: [profiles.day.pins] gpt: there is no model called "nobody"',
        ),
        (
            CHAT + '[models.CHAT]\ncmd = "x ${PORT}"\n',
            'jano.toml:3: [models] CHAT: "CHAT" is taken by the name "chat"; '
            "names are compared without case",
        ),
        (
            CHAT + 'aliases = ["gpt"]\n[models.b]\ncmd = "x ${PORT}"\naliases = ["GPT"]\n',
            'jano.toml:6: [models.b] aliases: "GPT" is taken by the alias "gpt" of model "chat"; '
            "names are compared without case",
        ),
        (
            CHAT + '[models.b]\ncmd = "x ${PORT}"\n[models.b.variants.chat]\nremove = ["a"]\n',
            'jano.toml:5: [models.b.variants] chat: "chat" is taken by the name "chat"; '
            "names are compared without case",
        ),
        (
            CHAT + 'paths = ["/v"]\n[models.b]\ncmd = "x ${PORT}"\npaths = ["/v/"]\n',
            'jano.toml:6: [models.b] paths: "/v/" leads to model "chat" already',
        ),
    ],
)
def test_a_problem_says_where_what_and_what_is_allowed(
    wrong: Wrong, text: str, problem: str
) -> None:
    assert wrong(text) == [problem]


def test_all_problems_are_found_at_once(wrong: Wrong) -> None:
    server = "[server]\nprot = 1\nport = 70000\n"
    text = server + '[models.a]\ncmd = 1\nx = 2\n[scheduler]\nstrategy = "z"\n'
    assert [line.split(": ")[:2] for line in wrong(text)] == [
        ["jano.toml:2", "[server] prot"],
        ["jano.toml:3", "[server] port"],
        ["jano.toml:5", "[models.a] cmd"],
        ["jano.toml:6", "[models.a] x"],
        ["jano.toml:8", "[scheduler] strategy"],
    ]


@pytest.mark.parametrize("table", Config.__struct_fields__)
@pytest.mark.parametrize("value", ["3", "true", '"x"', "[1]", "nan", "2024-01-01"])
def test_a_value_in_the_place_of_a_table(wrong: Wrong, table: str, value: str) -> None:
    assert wrong(f"{table} = {value}\n")[0].startswith(
        f"jano.toml:1: {table}: expected a table, found "
    )


@pytest.mark.parametrize(
    ("auth", "host"),
    [("", "127.0.0.1"), ("", "::1"), ("", "localhost"), ('authenticator = "none"', "0.0.0.0")],
)
def test_who_may_be_served_without_keys(loading: Load, auth: str, host: str) -> None:
    assert loading(f'[server]\nhost = "{host}"\n[auth]\n{auth}\n' + CHAT)


def test_a_wide_bind_on_the_command_line_is_refused_as_well(wrong: Wrong) -> None:
    [problem] = wrong(CHAT, host="0.0.0.0")
    assert '"0.0.0.0" can be reached from other machines' in problem


def test_drop_ins_are_merged(tmp_path: Path, loading: Load) -> None:
    (tmp_path / "jano.d").mkdir()
    (tmp_path / "jano.d" / "10.toml").write_text('[models.chat]\nttl = "1m"\n[server]\nport = 1\n')
    loaded = loading(CHAT)
    assert loaded.config.models["chat"].ttl == 60
    assert loaded.config.models["chat"].cmd == "server --port ${PORT}"
    assert loaded.config.server.port == 1
    assert [file.name for file in loaded.files] == ["jano.toml", "10.toml"]


def test_the_same_key_twice_names_both_files(tmp_path: Path, wrong: Wrong) -> None:
    (tmp_path / "jano.d").mkdir()
    (tmp_path / "jano.d" / "10.toml").write_text('\n[models.chat]\ncmd = "x ${PORT}"\n')
    assert wrong(CHAT) == [
        "jano.d/10.toml:3: [models.chat] cmd: it is given in jano.toml:2 already; give it once"
    ]


def test_a_problem_in_a_drop_in_names_it(tmp_path: Path, wrong: Wrong) -> None:
    (tmp_path / "jano.d").mkdir()
    (tmp_path / "jano.d" / "10.toml").write_text("[models.chat]\nttll = 1\n")
    assert wrong(CHAT) == ['jano.d/10.toml:2: [models.chat] ttll: unknown key; did you mean "ttl"?']


def test_macros(loading: Load) -> None:
    loaded = loading(
        '[macros]\nbin = "/opt/bin"\nserver = "${bin}/server --port ${PORT}"\n'
        '[models.chat]\ncmd = "${server} -m x"\nmetadata = { path = ["${bin}"] }\n'
        'cmd_stop = "kill ${PID} ${MODEL}"\n'
    )
    chat = loaded.config.models["chat"]
    assert chat.cmd == "/opt/bin/server --port ${PORT} -m x"
    assert chat.cmd_stop == "kill ${PID} ${MODEL}"
    assert chat.metadata == {"path": ["/opt/bin"]}


def test_macros_that_do_not_exist_or_come_later(wrong: Wrong) -> None:
    text = '[macros]\na = "${b}"\nserver = "x ${PORT}"\nb = "1"\n[models.chat]\ncmd = "${sever}"\n'
    assert wrong(text) == [
        "jano.toml:2: [macros] a: the macro ${b} is defined only here or below; "
        "a macro may use those above",
        "jano.toml:6: [models.chat] cmd: unknown macro ${sever}; did you mean ${server}?",
    ]


def test_secrets_stay_references(loading: Load) -> None:
    env = {"TOKEN": "hunter22"}
    loaded = loading(CHAT + 'env = { HF_TOKEN = "${env:TOKEN}" }\n', env)
    assert loaded.config.models["chat"].env == {"HF_TOKEN": "${env:TOKEN}"}
    assert "hunter22" not in repr(loaded.config)
    assert loaded.secrets.resolve("${env:TOKEN}") == "hunter22"


def test_nothing_to_be_found(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("jano_core.config.find.SYSTEM", tmp_path / "etc.toml")
    with pytest.raises(ConfigError) as caught:
        load(None, registry, {"HOME": "/nobody"})
    assert str(caught.value) == (
        "no configuration found; looked at /nobody/.config/jano/jano.toml, "
        f"{tmp_path}/etc.toml; `jano init` writes one"
    )


def test_a_file_that_is_no_text(tmp_path: Path, registry: Registry) -> None:
    file = tmp_path / "jano.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load(file, registry, {})


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 3000 + "]" * 3000])
def test_a_value_beyond_what_python_reads(wrong: Wrong, value: str) -> None:
    assert [line.split(": ")[0] for line in wrong(f"[server]\nport = {value}\n")] == ["jano.toml"]
