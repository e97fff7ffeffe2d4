# A NixOS machine with Jano and one model server as a unit: it starts at the first connection,
# swaps, and the model outlives a restart of Jano. Needs KVM; continuous integration does not run it.
{ pkgs, module, overlay }:
pkgs.testers.runNixOSTest {
  name = "jano";
  nodes.machine = { pkgs, ... }: {
    imports = [ module ];
    nixpkgs.overlays = [ overlay ];
    services.jano = {
      enable = true;
      units.chat = {
        port = 9001;
        command = "${pkgs.python3.withPackages (_: [ pkgs.jano ])}/bin/python -m jano_core.testing.model_server --port 9001 --name chat";
      };
    };
  };
  testScript = ''
    machine.wait_for_unit("jano.socket")
    machine.succeed("curl -sf http://127.0.0.1:8082/health")
    machine.wait_for_unit("jano.service")
    ask = "curl -sf http://127.0.0.1:8082/v1/completions -d '{\"model\": \"chat\", \"prompt\": \"hello\"}' -H 'content-type: application/json'"
    machine.succeed(ask)
    before = machine.succeed("systemctl show -p MainPID --value jano-model-chat.service")
    machine.succeed("systemctl restart jano.service")
    machine.succeed(ask)
    assert before == machine.succeed("systemctl show -p MainPID --value jano-model-chat.service")
  '';
}
