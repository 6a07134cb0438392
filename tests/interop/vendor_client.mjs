// Let the vendor's own client for JavaScript embed texts and read the listing; write both as JSON.
import { OpenRouter } from "@openrouter/sdk";

const [serverURL, model, ...input] = process.argv.slice(2);
const client = new OpenRouter({ apiKey: "any", serverURL });

const embed = async (options) => {
  const reply = await client.embeddings.generate({ requestBody: { model, input, ...options } });
  return { vectors: reply.data.map((item) => item.embedding), usage: reply.usage };
};

const refusal = async () => {
  try {
    await client.embeddings.generate({ requestBody: { model: "nobody/none", input } });
  } catch (error) {
    return { name: error.constructor.name, message: error.message, status: error.statusCode };
  }
};

const listed = [];
for await (const page of await client.embeddings.listModels()) {
  listed.push(...page.result.data.map(({ id, contextLength }) => ({ id, contextLength })));
}

console.log(
  JSON.stringify({
    numbers: await embed({ encodingFormat: "float" }),
    base64: await embed({ encodingFormat: "base64" }),
    narrow: await embed({ dimensions: 64 }),
    refusal: await refusal(),
    listed,
  }),
);
