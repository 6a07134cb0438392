from typing import Any

import httpx

from ...client import AuthenticatedClient, Client
from ...models.error_response import ErrorResponse
from ...models.models_list_response import ModelsListResponse
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    offset: int | None | Unset = UNSET,
    limit: int | Unset = UNSET,
    http_referer: str | Unset = UNSET,
    x_open_router_title: str | Unset = UNSET,
    x_open_router_categories: str | Unset = UNSET,
    x_open_router_app_visibility: str | Unset = UNSET,
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

    params: dict[str, Any] = {}

    json_offset: int | None | Unset
    if isinstance(offset, Unset):
        json_offset = UNSET
    else:
        json_offset = offset
    params["offset"] = json_offset

    params["limit"] = limit

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/embeddings/models",
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ErrorResponse | ModelsListResponse:
    if response.status_code == 200:
        response_200 = ModelsListResponse.from_dict(response.json())

        return response_200

    if response.status_code == 400:
        response_400 = ErrorResponse.from_dict(response.json())

        return response_400

    if response.status_code == 401:
        response_401 = ErrorResponse.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = ErrorResponse.from_dict(response.json())

        return response_403

    if response.status_code == 429:
        response_429 = ErrorResponse.from_dict(response.json())

        return response_429

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

    response_default = ErrorResponse.from_dict(response.json())

    return response_default


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[ErrorResponse | ModelsListResponse]:
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
    offset: int | None | Unset = UNSET,
    limit: int | Unset = UNSET,
    http_referer: str | Unset = UNSET,
    x_open_router_title: str | Unset = UNSET,
    x_open_router_categories: str | Unset = UNSET,
    x_open_router_app_visibility: str | Unset = UNSET,
) -> Response[ErrorResponse | ModelsListResponse]:
    """List the models

     The models that can serve the embeddings endpoint; all of them unless bounds are given.

    Args:
        offset (int | None | Unset): How many models to leave out at the beginning.
        limit (int | Unset): How many models to return at the most; 500 if only an offset is
            given.
        http_referer (str | Unset): The address of the calling application; without it the call is
            credited to nobody.
        x_open_router_title (str | Unset): The calling application's name. The older spelling
            X-Title is understood as well.
        x_open_router_categories (str | Unset): What kinds of application call, comma-separated;
            two count, unknown ones are ignored.
        x_open_router_app_visibility (str | Unset): How visible the calling application is; its
            values are not documented.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ErrorResponse | ModelsListResponse]
    """

    kwargs = _get_kwargs(
        offset=offset,
        limit=limit,
        http_referer=http_referer,
        x_open_router_title=x_open_router_title,
        x_open_router_categories=x_open_router_categories,
        x_open_router_app_visibility=x_open_router_app_visibility,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    offset: int | None | Unset = UNSET,
    limit: int | Unset = UNSET,
    http_referer: str | Unset = UNSET,
    x_open_router_title: str | Unset = UNSET,
    x_open_router_categories: str | Unset = UNSET,
    x_open_router_app_visibility: str | Unset = UNSET,
) -> ErrorResponse | ModelsListResponse | None:
    """List the models

     The models that can serve the embeddings endpoint; all of them unless bounds are given.

    Args:
        offset (int | None | Unset): How many models to leave out at the beginning.
        limit (int | Unset): How many models to return at the most; 500 if only an offset is
            given.
        http_referer (str | Unset): The address of the calling application; without it the call is
            credited to nobody.
        x_open_router_title (str | Unset): The calling application's name. The older spelling
            X-Title is understood as well.
        x_open_router_categories (str | Unset): What kinds of application call, comma-separated;
            two count, unknown ones are ignored.
        x_open_router_app_visibility (str | Unset): How visible the calling application is; its
            values are not documented.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ErrorResponse | ModelsListResponse
    """

    return sync_detailed(
        client=client,
        offset=offset,
        limit=limit,
        http_referer=http_referer,
        x_open_router_title=x_open_router_title,
        x_open_router_categories=x_open_router_categories,
        x_open_router_app_visibility=x_open_router_app_visibility,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    offset: int | None | Unset = UNSET,
    limit: int | Unset = UNSET,
    http_referer: str | Unset = UNSET,
    x_open_router_title: str | Unset = UNSET,
    x_open_router_categories: str | Unset = UNSET,
    x_open_router_app_visibility: str | Unset = UNSET,
) -> Response[ErrorResponse | ModelsListResponse]:
    """List the models

     The models that can serve the embeddings endpoint; all of them unless bounds are given.

    Args:
        offset (int | None | Unset): How many models to leave out at the beginning.
        limit (int | Unset): How many models to return at the most; 500 if only an offset is
            given.
        http_referer (str | Unset): The address of the calling application; without it the call is
            credited to nobody.
        x_open_router_title (str | Unset): The calling application's name. The older spelling
            X-Title is understood as well.
        x_open_router_categories (str | Unset): What kinds of application call, comma-separated;
            two count, unknown ones are ignored.
        x_open_router_app_visibility (str | Unset): How visible the calling application is; its
            values are not documented.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ErrorResponse | ModelsListResponse]
    """

    kwargs = _get_kwargs(
        offset=offset,
        limit=limit,
        http_referer=http_referer,
        x_open_router_title=x_open_router_title,
        x_open_router_categories=x_open_router_categories,
        x_open_router_app_visibility=x_open_router_app_visibility,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    offset: int | None | Unset = UNSET,
    limit: int | Unset = UNSET,
    http_referer: str | Unset = UNSET,
    x_open_router_title: str | Unset = UNSET,
    x_open_router_categories: str | Unset = UNSET,
    x_open_router_app_visibility: str | Unset = UNSET,
) -> ErrorResponse | ModelsListResponse | None:
    """List the models

     The models that can serve the embeddings endpoint; all of them unless bounds are given.

    Args:
        offset (int | None | Unset): How many models to leave out at the beginning.
        limit (int | Unset): How many models to return at the most; 500 if only an offset is
            given.
        http_referer (str | Unset): The address of the calling application; without it the call is
            credited to nobody.
        x_open_router_title (str | Unset): The calling application's name. The older spelling
            X-Title is understood as well.
        x_open_router_categories (str | Unset): What kinds of application call, comma-separated;
            two count, unknown ones are ignored.
        x_open_router_app_visibility (str | Unset): How visible the calling application is; its
            values are not documented.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ErrorResponse | ModelsListResponse
    """

    return (
        await asyncio_detailed(
            client=client,
            offset=offset,
            limit=limit,
            http_referer=http_referer,
            x_open_router_title=x_open_router_title,
            x_open_router_categories=x_open_router_categories,
            x_open_router_app_visibility=x_open_router_app_visibility,
        )
    ).parsed
