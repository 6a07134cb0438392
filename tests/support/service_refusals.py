"""Refusals of services, recorded or paraphrased: who says it, with which status, and what follows.

The words that are matched are as the services have them; the rest is told in other words.
"""

from __future__ import annotations

import json

TURN = "waits its turn"
AGAIN = "is sent again"
LONG = "is too long"
DIVIDED = "is divided"
NUMBERS = "is asked for as numbers"
END = "ends the run"
PAGE = "<!DOCTYPE html><html><head><title>{}</title></head><body></body></html>"


def openai(message, code=None, **more):
    """Write an error as OpenAI has it, and whoever copies its interface."""
    return json.dumps({"error": {"message": message, "type": "x", "code": code, **more}})


def routed(code, raw, **metadata):
    """Write an error of a provider as OpenRouter passes it on."""
    metadata = {"raw": raw, "provider_name": "P", **metadata}
    return json.dumps(
        {"error": {"code": code, "message": "Provider returned error", "metadata": metadata}}
    )


def own(code, message, **metadata):
    """Write an error of OpenRouter's own."""
    return json.dumps({"error": {"code": code, "message": message, "metadata": metadata}})


def said(message, field="message", **more):
    """Write an error that is one text."""
    return json.dumps({field: message, **more})


def invalid(message, *place):
    """Write an error of FastAPI."""
    return json.dumps({"detail": [{"type": "x", "loc": ["body", *place], "msg": message}]})


def google(message, status="INVALID_ARGUMENT", **more):
    return json.dumps({"error": {"code": more.get("code"), "message": message, "status": status}})


ROWS = [
    # OpenRouter
    (
        "OpenRouter",
        402,
        own(402, "Credits are reserved", limit_source="openrouter_in_flight_budget"),
        TURN,
    ),
    ("OpenRouter", 402, own(402, "Insufficient credits", limit_source="openrouter_credits"), END),
    ("OpenRouter", 429, own(429, "Slow down", limit_source="openrouter_admission_control"), TURN),
    ("OpenRouter", 429, own(429, "Shared", limit_source="openrouter_shared_capacity"), TURN),
    ("OpenRouter", 429, own(429, "Used up", limit_source="openrouter_free_tier_daily"), END),
    ("OpenRouter", 429, routed(429, "temporarily rate-limited upstream"), TURN),
    ("OpenRouter", 200, own(429, "Rate limit exceeded"), TURN),
    ("OpenRouter", 529, own(529, "Provider is overloaded"), TURN),
    ("OpenRouter", 401, own(401, "User not found."), END),
    ("OpenRouter", 403, own(403, "Key limit exceeded (monthly limit)"), END),
    ("OpenRouter", 403, own(403, "Flagged", reasons=["violence"], flagged_input="..."), DIVIDED),
    ("OpenRouter", 400, own(400, "qwen/none is not a valid model ID"), END),
    ("OpenRouter", 404, own(404, "No endpoints found for a/b."), END),
    ("OpenRouter", 200, own(404, "No successful provider responses."), NUMBERS),
    ("OpenRouter", 200, own(500, "Internal Server Error"), AGAIN),
    ("OpenRouter", 400, own(502, "Provider returned error"), AGAIN),
    ("OpenRouter", 408, own(408, "Timed out"), AGAIN),
    ("OpenRouter", 503, own(503, "No available provider"), AGAIN),
    ("OpenRouter", 524, own(524, "The edge gave up"), AGAIN),
    ("OpenRouter", 400, own(400, "odd", error_type="context_length_exceeded"), LONG),
    (
        "OpenRouter",
        400,
        routed(400, '{"error":{"message":"maximum context length is 8192 tokens"}}'),
        LONG,
    ),
    ("OpenRouter", 422, routed(422, '{"detail":"List should have at most 1024 items"}'), 1024),
    (
        "OpenRouter",
        400,
        routed(400, '{"error":{"message":"batch size should not be larger than 10"}}'),
        10,
    ),
    (
        "OpenRouter",
        400,
        '{"success":false,"error":{"name":"ZodError","message":"[{\\"message\\":\\"Required\\",\\"path\\":[\\"input\\"]}]"}}',
        DIVIDED,
    ),
    # Cloudflare and other networks in front of services
    ("Cloudflare", 502, PAGE.format("502: Bad gateway"), AGAIN),
    ("Cloudflare", 520, PAGE.format("520: unknown"), AGAIN),
    ("Cloudflare", 521, "error code: 521", AGAIN),
    ("Cloudflare", 403, PAGE.format("Attention Required!"), DIVIDED),
    ("Cloudflare", 429, PAGE.format("1015: You are being rate limited"), TURN),
    ("nginx", 413, PAGE.format("413 Request Entity Too Large"), LONG),
    ("nginx", 504, PAGE.format("504 Gateway Time-out"), AGAIN),
    ("nginx", 404, PAGE.format("404 Not Found"), END),
    ("nginx", 405, PAGE.format("405 Not Allowed"), END),
    ("a proxy", 407, PAGE.format("Proxy Authentication Required"), END),
    # OpenAI, Azure
    (
        "OpenAI",
        400,
        openai("This model's maximum context length is 8192 tokens, however you requested 9000"),
        LONG,
    ),
    ("OpenAI", 400, openai("Invalid 'input[3]': maximum input length is 8192 tokens."), LONG),
    ("OpenAI", 400, openai("Invalid 'input[0]': string too long", "string_above_max_length"), LONG),
    (
        "OpenAI",
        400,
        openai(
            "Invalid 'input': array too long. Expected an array with maximum length 2048, got 3000"
        ),
        2048,
    ),
    (
        "OpenAI",
        400,
        openai("Invalid 'input': maximum request size is 300000 tokens per request."),
        DIVIDED,
    ),
    (
        "OpenAI",
        400,
        openai("Requested 300001 tokens, max 300000 tokens per request", "max_tokens_per_request"),
        DIVIDED,
    ),
    ("OpenAI", 400, openai("'$.input' is invalid."), DIVIDED),
    ("OpenAI", 400, openai("This model does not support specifying dimensions."), "dimensions"),
    ("OpenAI", 401, openai("Incorrect API key provided", "invalid_api_key"), END),
    ("OpenAI", 404, openai("The model `x` does not exist", "model_not_found"), END),
    (
        "OpenAI",
        429,
        openai(
            "Rate limit reached on requests per min (RPM): Limit 500. Please try again in 120ms."
        ),
        TURN,
    ),
    (
        "OpenAI",
        429,
        openai("Rate limit reached on tokens per min (TPM). Please try again in 6s."),
        TURN,
    ),
    (
        "OpenAI",
        429,
        openai("Request too large on tokens per min (TPM): Limit 1000, Requested 2000"),
        TURN,
    ),
    ("OpenAI", 429, openai("Rate limit reached on requests per day (RPD)"), END),
    ("OpenAI", 429, openai("You exceeded your current quota", "insufficient_quota"), END),
    ("OpenAI", 500, openai("The server had an error", "server_error"), AGAIN),
    ("OpenAI", 503, openai("That model is currently overloaded with other requests."), AGAIN),
    (
        "Azure",
        429,
        openai("Requests exceeded call rate limit. Please retry after 7 seconds.", "429"),
        TURN,
    ),
    ("Azure", 400, openai("Too many inputs. The max number of inputs is 16."), 16),
    ("Azure", 429, openai("Request rate is too large"), TURN),
    ("Azure", 400, openai("Request rate is too large for this deployment"), DIVIDED),
    # text-embeddings-inference, Infinity, SGLang, vLLM, llama.cpp, Ollama, Triton, LiteLLM
    (
        "TEI",
        413,
        said(
            "Input validation error: `inputs` must have less than 512 tokens. Given: 534", "error"
        ),
        LONG,
    ),
    (
        "TEI",
        422,
        said(
            "`inputs` must have less than 512 tokens. Given: 534", "error", error_type="validation"
        ),
        LONG,
    ),
    ("TEI", 413, openai("batch size 64 > maximum allowed batch size 32", 413), 32),
    (
        "TEI",
        422,
        said("batch size 64 > maximum allowed batch size 32", "error", error_type="validation"),
        32,
    ),
    ("TEI", 429, said("Model is overloaded", "error", error_type="overloaded"), TURN),
    ("TEI", 424, said("Backend error", "error", error_type="backend"), DIVIDED),
    (
        "TEI",
        422,
        "Failed to deserialize the JSON body: encoding_format: unknown variant `base64`",
        NUMBERS,
    ),
    (
        "Infinity",
        422,
        invalid("List should have at most 2048 items after validation, not 3000", "input"),
        2048,
    ),
    ("Infinity", 422, invalid("String should have at most 122880 characters", "input", 0), LONG),
    ("Infinity", 400, openai("model x not found, available: y"), DIVIDED),
    (
        "SGLang",
        400,
        openai("The input (9000 tokens) is longer than the model's context length (8192 tokens)."),
        LONG,
    ),
    (
        "vLLM",
        400,
        said(
            "This model's maximum context length is 512 tokens. However, you requested 1451",
            object="error",
            code=400,
        ),
        LONG,
    ),
    (
        "vLLM",
        400,
        openai("The prompt (length 600) is longer than the maximum model length of 512."),
        LONG,
    ),
    ("vLLM", 500, openai("Input length exceeds max_model_len"), LONG),
    (
        "vLLM",
        400,
        openai(
            "Model does not support matryoshka representation, changing output dimensions fails"
        ),
        "dimensions",
    ),
    ("vLLM", 400, openai("base64 encoding is not currently supported"), NUMBERS),
    ("vLLM", 404, openai("The model `x` does not exist.", 404), END),
    (
        "llama.cpp",
        500,
        openai(
            "input (992 tokens) is too large to process. increase the physical batch size"
            " (current batch size: 512)",
            500,
        ),
        LONG,
    ),
    (
        "llama.cpp",
        500,
        openai("input is too large to process. increase the physical batch size", 500),
        LONG,
    ),
    (
        "llama.cpp",
        400,
        openai("the request exceeds the available context size", "exceed_context_size_error"),
        LONG,
    ),
    ("llama.cpp", 501, openai("This server does not support base64", 501), NUMBERS),
    ("llama.cpp", 501, openai("This server does not support embeddings", 501), None),
    ("llama.cpp", 503, openai("Loading model", 503), AGAIN),
    ("Ollama", 400, said("the input length exceeds the context length", "error"), LONG),
    ("Ollama", 500, said("the input length exceeds the context length", "error"), LONG),
    ("Ollama", 404, said('model "x" not found, try pulling it first', "error"), END),
    ("Triton", 400, said("inference request batch-size must be <= 64 for 'e5'", "error"), 64),
    ("Triton", 500, said("[400] inference request batch-size must be <= 64", "error"), 64),
    (
        "LiteLLM",
        500,
        openai("litellm.APIError: batch size is invalid, should not be larger than 25", 500),
        25,
    ),
    ("LiteLLM", 400, openai("Budget has been exceeded"), DIVIDED),
    # NVIDIA
    ("NVIDIA", 400, said("Input length 548 exceeds maximum allowed token size 512", "error"), LONG),
    (
        "NVIDIA",
        500,
        said("in ensemble 'x', Input length 548 exceeds maximum allowed token size 512", "error"),
        LONG,
    ),
    (
        "NVIDIA",
        400,
        said("'input_type' parameter is required for asymmetric models", "error"),
        "input_type",
    ),
    ("NVIDIA", 422, invalid("Input should be 'query' or 'passage'", "input_type"), "input_type"),
    ("NVIDIA", 422, said("Batch size 100 exceeds the maximum of 50", "detail"), 50),
    ("NVIDIA", 429, said("Too Many Requests", "title", status=429), TURN),
    ("NVIDIA", 402, said("Cloud credits expired", "detail"), END),
    # Cohere, Bedrock
    (
        "Cohere",
        400,
        said("invalid request: total number of texts must be at most 96 - received 131"),
        96,
    ),
    ("Cohere", 400, said("too many tokens: size limit exceeded by 1132 tokens"), LONG),
    ("Cohere", 400, said("invalid request: text is too long"), LONG),
    (
        "Cohere",
        400,
        said("invalid request: valid input_type must be provided with the provided model"),
        "input_type",
    ),
    ("Cohere", 422, said("embedding dimension 300 is not allowed: output_dimension"), "dimensions"),
    (
        "Cohere",
        429,
        said("trial token rate limit exceeded, limit is 100000 tokens per minute"),
        TURN,
    ),
    ("Cohere", 429, said("trial key, which is limited to 1000 API calls / month"), END),
    ("Cohere", 401, said("invalid api token"), END),
    ("Bedrock", 400, said("texts: expected maximum item count: 96, found: 131"), 96),
    ("Bedrock", 400, said("Malformed input: expected maxLength: 2048, actual: 3000"), LONG),
    (
        "Bedrock",
        400,
        said("Too many input tokens. Max input tokens: 8192, request input token count: 9000"),
        LONG,
    ),
    ("Bedrock", 429, said("Too many requests, please wait before trying again."), TURN),
    ("Bedrock", 424, said("The model errored"), DIVIDED),
    # Voyage, Jina, Mistral
    ("Voyage", 400, said("The batch size limit is 1000. Your batch size is 1200.", "detail"), 1000),
    (
        "Voyage",
        400,
        said(
            "The max allowed tokens per submitted batch is 120000. Your batch has 124302 tokens",
            "detail",
        ),
        LONG,
    ),
    (
        "Voyage",
        400,
        said("The example at index 0 in your batch has too many tokens", "detail"),
        LONG,
    ),
    (
        "Voyage",
        400,
        said("Argument 'input_type' is invalid: must be query or document", "detail"),
        "input_type",
    ),
    ("Voyage", 400, said("Model x is not supported. Supported models are y", "detail"), END),
    ("Voyage", 400, said("output_dimension 300 is not among the options", "detail"), "dimensions"),
    ("Voyage", 429, said("without a payment method: 3 RPM and 10K TPM", "detail"), TURN),
    (
        "Jina",
        400,
        said("Single text cannot exceed 8192 tokens. 9237 tokens given.", "detail"),
        LONG,
    ),
    (
        "Jina",
        400,
        said("input length is larger than the largest allowed size 2048", "detail"),
        2048,
    ),
    (
        "Jina",
        422,
        invalid("Input should be 'retrieval.query' or 'retrieval.passage'", "task"),
        "input_type",
    ),
    ("Jina", 402, said("Insufficient balance", "detail"), END),
    ("Jina", 429, said("Per IP rate limit exceeded", "detail"), TURN),
    (
        "Mistral",
        400,
        said("Too many tokens in batch. Max is 16384 got 17555", object="error"),
        LONG,
    ),
    ("Mistral", 400, said("Too many tokens overall, split into more batches.", code="3210"), LONG),
    (
        "Mistral",
        400,
        said("Too many inputs in request, split into more batches.", code="3210"),
        DIVIDED,
    ),
    ("Mistral", 400, said("Invalid model: x", code="1500"), END),
    ("Mistral", 429, said("Requests rate limit exceeded"), TURN),
    ("Mistral", 422, invalid("Input should be a valid string", "input"), DIVIDED),
    # DashScope, SiliconFlow, Gemini, Vertex AI
    (
        "DashScope",
        400,
        openai(
            "Value error, batch size is invalid, it should not be larger than 10.: input.contents"
        ),
        10,
    ),
    ("DashScope", 400, openai("Range of input length should be [1, 8192]"), LONG),
    (
        "DashScope",
        400,
        openai("Access denied, please make sure your account is in good standing.", "Arrearage"),
        END,
    ),
    (
        "DashScope",
        429,
        openai("Requests rate limit exceeded, please try again later.", "limit_requests"),
        TURN,
    ),
    (
        "DashScope",
        400,
        openai("Input data may contain inappropriate content.", "DataInspectionFailed"),
        DIVIDED,
    ),
    (
        "SiliconFlow",
        413,
        said("input batch size 136 > maximum allowed batch size 64", code=20042),
        64,
    ),
    ("SiliconFlow", 413, said("input must have less than 512 tokens", code=20042), LONG),
    (
        "SiliconFlow",
        429,
        said("Request was rejected due to rate limiting: TPM limit reached.", "error"),
        TURN,
    ),
    (
        "Gemini",
        400,
        google("* BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch"),
        100,
    ),
    (
        "Gemini",
        400,
        google("The input token count (2100) exceeds the maximum number of tokens allowed (2048)."),
        LONG,
    ),
    ("Gemini", 400, google("API key not valid."), END),
    ("Gemini", 400, google("Request payload size exceeds the limit: 4194304 bytes."), DIVIDED),
    (
        "Gemini",
        429,
        google("Quota exceeded for quota metric, requests per minute", "RESOURCE_EXHAUSTED"),
        TURN,
    ),
    (
        "Gemini",
        429,
        google(
            "Quota exceeded: EmbedContentRequestsPerDayPerProjectPerModel", "RESOURCE_EXHAUSTED"
        ),
        END,
    ),
    ("Gemini", 503, google("The model is overloaded.", "UNAVAILABLE"), AGAIN),
    ("Vertex AI", 400, google("250 instance(s) is allowed per prediction. Actual: 300"), 250),
    (
        "Vertex AI",
        400,
        google("Not submitted because the input token count is 21000 and the model supports 20000"),
        LONG,
    ),
    # Others, and words that mean something else than they seem to
    ("Together", 422, openai("Input validation error: up to 128 inputs"), 128),
    ("Fireworks", 400, openai("Token limit exceeded: prompt has 9000"), LONG),
    (
        "Groq",
        413,
        openai("Request too large on tokens per minute (TPM): Limit 6000, Requested 9000"),
        DIVIDED,
    ),
    ("anyone", 413, said("batch too large", "error"), LONG),
    ("anyone", 400, said("batch too large", "error"), DIVIDED),
    ("anyone", 500, said("The request took too long", "error"), AGAIN),
    ("anyone", 500, said("Rate limit: at most 10 requests per minute", "error"), AGAIN),
    ("anyone", 400, said("Invalid model input", "error"), DIVIDED),
    ("anyone", 400, said("at most 0 inputs", "error"), DIVIDED),
    ("anyone", 400, said("at most 99999999999999999999 inputs", "error"), DIVIDED),
    ("anyone", 400, said("the API key in this text was flagged", "error"), DIVIDED),
    # Words that stand in a message as well as in a code
    ("OpenAI", 429, openai("insufficient_quota: see your plan and billing"), END),
    ("OpenAI", 400, openai("model_not_found: text-embedding-9"), END),
    ("a server of one's own", 422, said("too many inputs: 40 > 32"), 32),
]
