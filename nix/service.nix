# Jano's units and launchd agent as data: what systemd/ and launchd/ ship, and what the modules in
# this folder set. Builtins only, so that it is evaluated and compared with the shipped files
# (tests/declarative/test_nix.py) wherever there is a `nix-instantiate`.
{
  # "user" or "system": whose manager runs it.
  scope ? "user",
  # The command line behind `jano`'s name, and the folders in which it finds model servers.
  command ? "/usr/bin/env jano serve",
  path ? (if scope == "user" then "%h/.local/bin:" else "") + "/usr/local/bin:/usr/bin:/bin",
  kill ? "/bin/kill",
  # Where the socket unit listens.
  address ? "127.0.0.1:8082",
  # Name → path of a file that systemd hands over as ${credential:NAME}.
  credentials ? { },
}:
let
  isUser = scope == "user";
  only = condition: attributes: if condition then attributes else { };

  # Without PrivateDevices (GPUs) and MemoryDenyWriteExecute (torch's compiler).
  sandbox =
    {
      NoNewPrivileges = true;
      LockPersonality = true;
      PrivateMounts = true;
      PrivateTmp = true;
      ProtectControlGroups = true;
      ProtectHome = if isUser then "read-only" else true;
      ProtectHostname = true;
      ProtectKernelTunables = true;
      ProtectProc = "invisible";
      ProtectSystem = "strict";
      RestrictAddressFamilies = "AF_INET AF_INET6 AF_UNIX AF_NETLINK";
      RestrictNamespaces = true;
      RestrictRealtime = true;
      RestrictSUIDSGID = true;
      SystemCallArchitectures = "native";
      SystemCallErrorNumber = "EPERM";
      UMask = "0077";
    }
    # The manager of a user with systemd 252 cannot set these up.
    // only (!isUser) {
      CapabilityBoundingSet = "";
      DevicePolicy = "closed";
      DeviceAllow = [
        "char-drm rw"
        "char-kfd rw"
        "char-nvidia* rw"
      ];
      ProtectClock = true;
      ProtectKernelLogs = true;
      ProtectKernelModules = true;
    };
in
{
  service = {
    Unit = {
      Description = "Jano, a router and queue for language models";
      After = (if isUser then "" else "network.target ") + "jano.socket";
    };
    Service =
      sandbox
      // {
        Type = "notify";
        NotifyAccess = "main";
        Environment = "PATH=${path}";
        ExecStart = command;
        ExecReload = "${kill} -HUP $MAINPID";
        TimeoutStartSec = 60;
        TimeoutStopSec = 60;
        KillMode = "mixed";
        Restart = "on-failure";
        RestartSec = 1;
        WatchdogSec = 30;
        ConfigurationDirectory = "jano";
        RuntimeDirectory = "jano";
        SystemCallFilter = [
          "@system-service"
          ("~@privileged" + (if isUser then " @resources" else ""))
        ];
      }
      // only isUser {
        ExecStartPre = "+/usr/bin/env mkdir -p %h/.local/state %h/.cache";
        KeyringMode = "private";
        ReadWritePaths = "-%h/.local/state -%h/.cache";
      }
      // only (!isUser) {
        User = "jano";
        AmbientCapabilities = "";
        CacheDirectory = "jano";
        ProcSubset = "all";
        RemoveIPC = true;
        StateDirectory = "jano";
      }
      // only (credentials != { }) {
        LoadCredential = map (name: "${name}:${toString credentials.${name}}") (
          builtins.attrNames credentials
        );
      };
    Install.WantedBy = if isUser then "default.target" else "multi-user.target";
  };

  socket = {
    Unit.Description = "Jano's address";
    Socket =
      {
        ListenStream = [
          address
          "%t/jano.sock"
        ];
        SocketMode = "0600";
        Backlog = 4096;
        FileDescriptorName = "jano";
      }
      // only (!isUser) { SocketUser = "jano"; };
    Install.WantedBy = "sockets.target";
  };

  # The unit of a model server; the modules give it its own ExecStart.
  model = {
    Unit.Description = "Model server %i";
    Service =
      sandbox
      // {
        Type = "exec";
        Environment = "PATH=${path}";
        EnvironmentFile = "%E/jano/models/%i.env";
        ExecStart = "/usr/bin/env llama-server --host 127.0.0.1 --port \${PORT} -m \${MODEL} $ARGS";
        Restart = "no";
        TimeoutStopSec = 15;
        OOMScoreAdjust = 500;
        IPAddressDeny = "any";
        IPAddressAllow = "localhost";
        KeyringMode = "private";
        SystemCallFilter = [
          "@system-service"
          "~@privileged"
        ];
      }
      // only isUser { ReadWritePaths = "-%h/.cache"; }
      // only (!isUser) {
        User = "jano";
        CacheDirectory = "jano";
      };
  };

  # For home-manager's launchd.agents on a Mac.
  launchd = {
    Label = "io.github.jano";
    RunAtLoad = true;
    KeepAlive.SuccessfulExit = false;
    ExitTimeOut = 60;
    ProcessType = "Interactive";
    EnvironmentVariables.PATH = "/opt/homebrew/bin:/usr/local/bin:/usr/bin:/bin";
    SoftResourceLimits.NumberOfFiles = 8192;
  };
}
