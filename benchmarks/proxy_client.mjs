// Embed texts with openai's own client, unchanged, and write the vectors as JSON.
import OpenAI from "openai";

const [baseURL, apiKey, model, ...input] = process.argv.slice(2);
const client = new OpenAI({ apiKey, baseURL });
try {
  const reply = await client.embeddings.create({ model, input });
  console.log(JSON.stringify(reply.data.map((item) => item.embedding)));
} catch (error) {
  console.error(`${error.constructor.name}: ${error.message}`);
  process.exit(1);
}
