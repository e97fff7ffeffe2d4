// The `openai` package for Node, unchanged: prints what it got as one JSON document.
// Usage: node client.cjs BASE_URL MODEL
const OpenAI = require("openai");

const [baseURL, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "unused", maxRetries: 0, timeout: 60_000 });
const messages = [{ role: "user", content: "Say something." }];
const city = { type: "object", properties: { city: { type: "string" } } };
const tools = [{ type: "function", function: { name: "weather", parameters: city } }];

async function main() {
  const whole = await client.chat.completions.create({ model, messages });
  let text = "";
  for await (const chunk of await client.chat.completions.create({ model, messages, stream: true }))
    text += chunk.choices[0]?.delta?.content ?? "";
  const called = await client.chat.completions.create({ model, messages, tools });
  let streamed = "";
  for await (const chunk of await client.chat.completions.create({
    model, messages, tools, stream: true,
  }))
    for (const call of chunk.choices[0]?.delta?.tool_calls ?? [])
      streamed += call.function?.arguments ?? "";
  const listed = await client.models.list();
  let refused = null;
  try {
    await client.chat.completions.create({ model: "nobody", messages });
  } catch (error) {
    refused = { kind: error.constructor.name, status: error.status, code: error.code };
  }
  const call = called.choices[0].message.tool_calls[0].function;
  console.log(JSON.stringify({
    model: whole.model,
    whole: whole.choices[0].message.content,
    streamed: text,
    call: { name: call.name, arguments: JSON.parse(call.arguments) },
    streamedArguments: JSON.parse(streamed),
    models: listed.data.map((entry) => entry.id),
    refused,
  }));
}

main();
