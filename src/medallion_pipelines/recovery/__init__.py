"""Disaster recovery: a copy of the lakehouse in another region, failing over to it, failing back, the drill.

**What must not come apart.** A run writes in this order: the ledger (`ops.files`) says *found*; bronze gets
the records; the ledger says *captured*; the batch is staged; quarantine, the memory of changes and silver get
it; the run log (`ops.table_metrics`) says up to which version of bronze silver has come; marts follow, and
their rows in the run log. Where one of these is newer in a copy than what it depends on, or older than what
depends on it, the next run there goes wrong:

* ledger newer than bronze: files count as captured whose records are not there. Lost;
* bronze newer than the ledger: the ledger learns from bronze, but not where the landing zone has other
  addresses. Doubled;
* run log newer than silver: records count as conformed that are not there. Lost;
* silver newer than the run log: without the staged batch that would finish it, a table without a key gets
  the records again. Doubled;
* memory of changes of another time than its table: late events find another past than the table shows;
* checkpoint of a stream newer than bronze: the stream is read on after records that are not there. Lost;
  older: a batch is read again, under its old number and with other bounds, and Delta, which knows the number,
  leaves out what it has more. Lost.

So no order of copying table after table, each as it is then, is right. What is right is a **cut**: tables,
views and checkpoints as they are at one moment when no run is at work, or as a run that was killed has left
them, which the next run knows to finish. `cut.py` takes it under the lock of runs. That takes as long as
reading the logs: what a cut names is never changed afterwards, at worst deleted. The few files that are
(`passing`) are copied under the lock, too. The others are copied at leisure, while runs go on.

**A copy is there as a whole or not at all.** The files go to a slot beside the copy that is in use: what that
has already as a link, what is new from the source, data before logs. The last step points the location at the
new slot, in one rename. Cut off anywhere before, readers have the copy before, all of it; the next
`replicate` keeps what has come. So it does not matter whether a table grew, went back, was erased from, or
was dropped and made anew. What the source has deleted is not in the new slot, and the old slot is emptied:
erasure, VACUUM and DROP reach the copy with the next `replicate`.

**A copy is not written to** until `failover` makes it the lakehouse that is worked on: the lock of runs
refuses it. From then on `replicate` refuses it, because it would undo what is done there. `failback` copies
the other way, and makes it a copy again.

On a catalog the copies are deep clones: `clones.py`.
"""

from medallion_pipelines.recovery.clones import adopt, clone
from medallion_pipelines.recovery.drill import drill
from medallion_pipelines.recovery.failover import failback, failover
from medallion_pipelines.recovery.proof import verify
from medallion_pipelines.recovery.replica import replicate, status

__all__ = ["adopt", "clone", "drill", "failback", "failover", "replicate", "status", "verify"]
