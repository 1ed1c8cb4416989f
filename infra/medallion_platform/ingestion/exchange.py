"""Data Exchange: each new revision of a subscribed data set goes into landing, in a folder of its own."""

from __future__ import annotations

from aws_cdk import aws_dataexchange as exchange
from constructs import Construct

from medallion_platform.parameters import asked
from medallion_platform.settings import Settings

_Action = exchange.CfnEventAction


class Subscription(Construct):
    """What happens when the provider publishes. Older ones: `medallion ingest revisions`."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, key_arn: str) -> None:
        super().__init__(scope, id_)
        data_set = asked(self, "DataSet", "Id of the data set that is subscribed to")
        exchange.CfnEventAction(
            self,
            "export",
            event=_Action.EventProperty(
                revision_published=_Action.RevisionPublishedProperty(data_set_id=data_set)
            ),
            action=_Action.ActionProperty(
                export_revision_to_s3=_Action.AutoExportRevisionToS3RequestDetailsProperty(
                    revision_destination=_Action.AutoExportRevisionDestinationEntryProperty(
                        bucket=settings.bucket("landing"),
                        key_pattern="data-exchange/${Revision.Id}/${Asset.Name}",
                    ),
                    encryption=_Action.ExportServerSideEncryptionProperty(
                        type="aws:kms", kms_key_arn=key_arn
                    ),
                )
            ),
        )
