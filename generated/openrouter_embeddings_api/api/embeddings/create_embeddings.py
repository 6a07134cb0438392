from typing import Any

import httpx

from ...client import AuthenticatedClient, Client
from ...models.embeddings_request import EmbeddingsRequest
from ...models.embeddings_response import EmbeddingsResponse
from ...models.error_response import ErrorResponse
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    body: EmbeddingsRequest,
    http_referer: str | Unset = UNSET,
    x_open_router_title: str | Unset = UNSET,
    x_open_router_categories: str | Unset = UNSET,
    x_open_router_app_visibility: str | Unset = UNSET,
    x_session_id: str | Unset = UNSET,
    x_open_router_cache: str | Unset = UNSET,
    x_open_router_cache_ttl: int | Unset = UNSET,
    x_open_router_cache_clear: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(http_referer, Unset):
        headers["HTTP-Referer"] = http_referer

    if not isinstance(x_open_router_title, Unset):
        headers["X-OpenRouter-Title"] = x_open_router_title

    if not isinstance(x_open_router_categories, Unset):
        headers["X-OpenRouter-Categories"] = x_open_router_categories

    if not isinstance(x_open_router_app_visibility, Unset):
        headers["X-OpenRouter-App-Visibility"] = x_open_router_app_visibility

    if not isinstance(x_session_id, Unset):
        headers["X-Session-Id"] = x_session_id

    if not isinstance(x_open_router_cache, Unset):
        headers["X-OpenRouter-Cache"] = x_open_router_cache

    if not isinstance(x_open_router_cache_ttl, Unset):
        headers["X-OpenRouter-Cache-TTL"] = str(x_open_router_cache_ttl)

    if not isinstance(x_open_router_cache_clear, Unset):
        headers["X-OpenRouter-Cache-Clear"] = x_open_router_cache_clear

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/embeddings",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> EmbeddingsResponse | ErrorResponse:
    if response.status_code == 200:

        def _parse_response_200(data: object) -> EmbeddingsResponse | ErrorResponse:
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                response_200_type_0 = EmbeddingsResponse.from_dict(data)

                return response_200_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            if not isinstance(data, dict):
                raise TypeError()
            response_200_type_1 = ErrorResponse.from_dict(data)

            return response_200_type_1

        response_200 = _parse_response_200(response.json())

        return response_200

    if response.status_code == 400:
        response_400 = ErrorResponse.from_dict(response.json())

        return response_400

    if response.status_code == 401:
        response_401 = ErrorResponse.from_dict(response.json())

        return response_401

    if response.status_code == 402:
        response_402 = ErrorResponse.from_dict(response.json())

        return response_402

    if response.status_code == 403:
        response_403 = ErrorResponse.from_dict(response.json())

        return response_403

    if response.status_code == 404:
        response_404 = ErrorResponse.from_dict(response.json())

        return response_404

    if response.status_code == 408:
        response_408 = ErrorResponse.from_dict(response.json())

        return response_408

    if response.status_code == 413:
        response_413 = ErrorResponse.from_dict(response.json())

        return response_413

    if response.status_code == 422:
        response_422 = ErrorResponse.from_dict(response.json())

        return response_422

    if response.status_code == 429:
        response_429 = ErrorResponse.from_dict(response.json())

        return response_429

    if response.status_code == 499:
        response_499 = ErrorResponse.from_dict(response.json())

        return response_499

    if response.status_code == 500:
        response_500 = ErrorResponse.from_dict(response.json())

        return response_500

    if response.status_code == 502:
        response_502 = ErrorResponse.from_dict(response.json())

        return response_502

    if response.status_code == 503:
        response_503 = ErrorResponse.from_dict(response.json())

        return response_503

    if response.status_code == 504:
        response_504 = ErrorResponse.from_dict(response.json())

        return response_504

    if response.status_code == 524:
        response_524 = ErrorResponse.from_dict(response.json())

        return response_524

    if response.status_code == 529:
        response_529 = ErrorResponse.from_dict(response.json())

        return response_529

    response_default = ErrorResponse.from_dict(response.json())

    return response_default


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[EmbeddingsResponse | ErrorResponse]:
    try:
        parsed = _parse_response(client=client, response=response)
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        parsed = None
    return Response(
        status_code=response.status_code,
        content=response.content,
        headers=response.headers,
        parsed=parsed,
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: EmbeddingsRequest,
    http_referer: str | Unset = UNSET,
    x_open_router_title: str | Unset = UNSET,
    x_open_router_categories: str | Unset = UNSET,
    x_open_router_app_visibility: str | Unset = UNSET,
    x_session_id: str | Unset = UNSET,
    x_open_router_cache: str | Unset = UNSET,
    x_open_router_cache_ttl: int | Unset = UNSET,
    x_open_router_cache_clear: str | Unset = UNSET,
) -> Response[EmbeddingsResponse | ErrorResponse]:
    """Embed inputs

     One vector for each input, in one complete reply. Slow replies begin with white space.

    Args:
        http_referer (str | Unset): The address of the calling application; without it the call is
            credited to nobody.
        x_open_router_title (str | Unset): The calling application's name. The older spelling
            X-Title is understood as well.
        x_open_router_categories (str | Unset): What kinds of application call, comma-separated;
            two count, unknown ones are ignored.
        x_open_router_app_visibility (str | Unset): How visible the calling application is; its
            values are not documented.
        x_session_id (str | Unset): The same as `session_id` of the body, which has precedence.
        x_open_router_cache (str | Unset): "true" lets equal requests be answered from the
            response cache, "false" forbids it.
        x_open_router_cache_ttl (int | Unset): How many seconds the reply may stay in the response
            cache; 300 if nothing is said.
        x_open_router_cache_clear (str | Unset): "true" replaces what the response cache holds for
            this request.
        body (EmbeddingsRequest): What to embed, with which model, and how.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[EmbeddingsResponse | ErrorResponse]
    """

    kwargs = _get_kwargs(
        body=body,
        http_referer=http_referer,
        x_open_router_title=x_open_router_title,
        x_open_router_categories=x_open_router_categories,
        x_open_router_app_visibility=x_open_router_app_visibility,
        x_session_id=x_session_id,
        x_open_router_cache=x_open_router_cache,
        x_open_router_cache_ttl=x_open_router_cache_ttl,
        x_open_router_cache_clear=x_open_router_cache_clear,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    body: EmbeddingsRequest,
    http_referer: str | Unset = UNSET,
    x_open_router_title: str | Unset = UNSET,
    x_open_router_categories: str | Unset = UNSET,
    x_open_router_app_visibility: str | Unset = UNSET,
    x_session_id: str | Unset = UNSET,
    x_open_router_cache: str | Unset = UNSET,
    x_open_router_cache_ttl: int | Unset = UNSET,
    x_open_router_cache_clear: str | Unset = UNSET,
) -> EmbeddingsResponse | ErrorResponse | None:
    """Embed inputs

     One vector for each input, in one complete reply. Slow replies begin with white space.

    Args:
        http_referer (str | Unset): The address of the calling application; without it the call is
            credited to nobody.
        x_open_router_title (str | Unset): The calling application's name. The older spelling
            X-Title is understood as well.
        x_open_router_categories (str | Unset): What kinds of application call, comma-separated;
            two count, unknown ones are ignored.
        x_open_router_app_visibility (str | Unset): How visible the calling application is; its
            values are not documented.
        x_session_id (str | Unset): The same as `session_id` of the body, which has precedence.
        x_open_router_cache (str | Unset): "true" lets equal requests be answered from the
            response cache, "false" forbids it.
        x_open_router_cache_ttl (int | Unset): How many seconds the reply may stay in the response
            cache; 300 if nothing is said.
        x_open_router_cache_clear (str | Unset): "true" replaces what the response cache holds for
            this request.
        body (EmbeddingsRequest): What to embed, with which model, and how.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        EmbeddingsResponse | ErrorResponse
    """

    return sync_detailed(
        client=client,
        body=body,
        http_referer=http_referer,
        x_open_router_title=x_open_router_title,
        x_open_router_categories=x_open_router_categories,
        x_open_router_app_visibility=x_open_router_app_visibility,
        x_session_id=x_session_id,
        x_open_router_cache=x_open_router_cache,
        x_open_router_cache_ttl=x_open_router_cache_ttl,
        x_open_router_cache_clear=x_open_router_cache_clear,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: EmbeddingsRequest,
    http_referer: str | Unset = UNSET,
    x_open_router_title: str | Unset = UNSET,
    x_open_router_categories: str | Unset = UNSET,
    x_open_router_app_visibility: str | Unset = UNSET,
    x_session_id: str | Unset = UNSET,
    x_open_router_cache: str | Unset = UNSET,
    x_open_router_cache_ttl: int | Unset = UNSET,
    x_open_router_cache_clear: str | Unset = UNSET,
) -> Response[EmbeddingsResponse | ErrorResponse]:
    """Embed inputs

     One vector for each input, in one complete reply. Slow replies begin with white space.

    Args:
        http_referer (str | Unset): The address of the calling application; without it the call is
            credited to nobody.
        x_open_router_title (str | Unset): The calling application's name. The older spelling
            X-Title is understood as well.
        x_open_router_categories (str | Unset): What kinds of application call, comma-separated;
            two count, unknown ones are ignored.
        x_open_router_app_visibility (str | Unset): How visible the calling application is; its
            values are not documented.
        x_session_id (str | Unset): The same as `session_id` of the body, which has precedence.
        x_open_router_cache (str | Unset): "true" lets equal requests be answered from the
            response cache, "false" forbids it.
        x_open_router_cache_ttl (int | Unset): How many seconds the reply may stay in the response
            cache; 300 if nothing is said.
        x_open_router_cache_clear (str | Unset): "true" replaces what the response cache holds for
            this request.
        body (EmbeddingsRequest): What to embed, with which model, and how.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[EmbeddingsResponse | ErrorResponse]
    """

    kwargs = _get_kwargs(
        body=body,
        http_referer=http_referer,
        x_open_router_title=x_open_router_title,
        x_open_router_categories=x_open_router_categories,
        x_open_router_app_visibility=x_open_router_app_visibility,
        x_session_id=x_session_id,
        x_open_router_cache=x_open_router_cache,
        x_open_router_cache_ttl=x_open_router_cache_ttl,
        x_open_router_cache_clear=x_open_router_cache_clear,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    body: EmbeddingsRequest,
    http_referer: str | Unset = UNSET,
    x_open_router_title: str | Unset = UNSET,
    x_open_router_categories: str | Unset = UNSET,
    x_open_router_app_visibility: str | Unset = UNSET,
    x_session_id: str | Unset = UNSET,
    x_open_router_cache: str | Unset = UNSET,
    x_open_router_cache_ttl: int | Unset = UNSET,
    x_open_router_cache_clear: str | Unset = UNSET,
) -> EmbeddingsResponse | ErrorResponse | None:
    """Embed inputs

     One vector for each input, in one complete reply. Slow replies begin with white space.

    Args:
        http_referer (str | Unset): The address of the calling application; without it the call is
            credited to nobody.
        x_open_router_title (str | Unset): The calling application's name. The older spelling
            X-Title is understood as well.
        x_open_router_categories (str | Unset): What kinds of application call, comma-separated;
            two count, unknown ones are ignored.
        x_open_router_app_visibility (str | Unset): How visible the calling application is; its
            values are not documented.
        x_session_id (str | Unset): The same as `session_id` of the body, which has precedence.
        x_open_router_cache (str | Unset): "true" lets equal requests be answered from the
            response cache, "false" forbids it.
        x_open_router_cache_ttl (int | Unset): How many seconds the reply may stay in the response
            cache; 300 if nothing is said.
        x_open_router_cache_clear (str | Unset): "true" replaces what the response cache holds for
            this request.
        body (EmbeddingsRequest): What to embed, with which model, and how.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        EmbeddingsResponse | ErrorResponse
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
            http_referer=http_referer,
            x_open_router_title=x_open_router_title,
            x_open_router_categories=x_open_router_categories,
            x_open_router_app_visibility=x_open_router_app_visibility,
            x_session_id=x_session_id,
            x_open_router_cache=x_open_router_cache,
            x_open_router_cache_ttl=x_open_router_cache_ttl,
            x_open_router_cache_clear=x_open_router_cache_clear,
        )
    ).parsed
