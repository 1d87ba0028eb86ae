"""Fixtures: a fake Google Cloud project on loopback, and clients for it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import grpc
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.bigquery_datapolicies_v1 import DataPolicyServiceClient
from google.cloud.bigquery_datapolicies_v1.services.data_policy_service.transports import (
    DataPolicyServiceGrpcTransport,
)
from google.cloud.datacatalog_v1 import PolicyTagManagerClient
from google.cloud.datacatalog_v1.services.policy_tag_manager.transports import PolicyTagManagerGrpcTransport
from google.cloud.iam_admin_v1 import IAMClient
from google.cloud.iam_admin_v1.services.iam.transports import IAMGrpcTransport
from google.cloud.resourcemanager_v3 import ProjectsClient
from google.cloud.resourcemanager_v3.services.projects.transports import ProjectsGrpcTransport
from google.cloud.service_usage_v1 import ServiceUsageClient
from google.cloud.service_usage_v1.services.service_usage.transports import ServiceUsageGrpcTransport

from config.settings import Settings
from metadata.spec import Catalog
from tests.warehouse.setup import grpc_apis, rest_api
from tests.warehouse.setup.grpc_apis import Project
from warehouse.setup.apply import SetupReport, set_up
from warehouse.setup.clients import Clients

PROJECT = "shop-project"


@dataclass
class Cloud:
    """A fake project, its clients, and the setup with the project's metadata."""

    state: Project
    clients: Clients
    catalog: Catalog
    settings: Settings = field(
        default_factory=lambda: Settings(
            target="bigquery", bigquery_project=PROJECT, bigquery_location="EU", _env_file=None
        )
    )

    def set_up(self, *, dry_run: bool = False, **settings: object) -> SetupReport:
        """Run the setup, optionally with other settings."""
        return set_up(self.clients, self.settings.model_copy(update=settings), self.catalog, dry_run=dry_run)

    def email(self, work: str) -> str:
        """Return the address of one of the accounts."""
        return f"wwi-{work}@{PROJECT}.iam.gserviceaccount.com"


@pytest.fixture
def cloud(catalog: Catalog) -> Iterator[Cloud]:
    """Return a project in which nothing is enabled."""
    state = Project()
    server, address = grpc_apis.start(state)
    rest = rest_api.start(state)
    channel = grpc.insecure_channel(address)
    url = f"http://127.0.0.1:{rest.server_address[1]}"
    try:
        yield Cloud(
            state,
            Clients(
                bigquery=bigquery.Client(
                    project=PROJECT,
                    credentials=AnonymousCredentials(),
                    client_options={"api_endpoint": url},
                ),
                services=ServiceUsageClient(transport=ServiceUsageGrpcTransport(channel=channel)),
                iam=IAMClient(transport=IAMGrpcTransport(channel=channel)),
                projects=ProjectsClient(transport=ProjectsGrpcTransport(channel=channel)),
                tags=PolicyTagManagerClient(transport=PolicyTagManagerGrpcTransport(channel=channel)),
                masks=DataPolicyServiceClient(transport=DataPolicyServiceGrpcTransport(channel=channel)),
            ),
            catalog,
        )
    finally:
        channel.close()
        server.stop(None)
        rest.shutdown()
        rest.server_close()
