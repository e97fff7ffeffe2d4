# The whole model box: the router, its plugins, every model as a unit, the secrets by path.
{ pkgs, ... }:
let
  llama = port: model: "${pkgs.llama-cpp}/bin/llama-server --port ${toString port} -m ${model}";
in
{
  services.jano = {
    enable = true;
    plugins = plugins: [ plugins.llamacpp plugins.systemd ];

    units = {
      chat = {
        port = 9001;
        command = llama 9001 "/models/chat.gguf";
        serviceConfig.MemoryMax = "40G";
      };
      code = {
        port = 9002;
        command = llama 9002 "/models/code.gguf";
      };
    };

    # jano.toml as it stands; a mistake fails `nixos-rebuild`, not the service.
    settings = {
      memory.budget = "48GiB";
      models.chat = {
        backend = "llamacpp";
        memory = "38GiB";
        aliases = [ "gpt-4o-mini" ];
        request.set.user = "\${credential:tenant}";
      };
      models.code = {
        backend = "llamacpp";
        memory = "30GiB";
        ttl = "30m";
      };
    };

    credentials.tenant = "/run/secrets/jano-tenant";
  };
}
