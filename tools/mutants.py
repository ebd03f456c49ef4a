#!/usr/bin/env python3
"""Breaks the service deliberately, in one way at a time; the simulators must notice each mutant.

A copy of the sources in build/mutants is changed, built and simulated. A mutant that survives, or whose text
is no longer in the sources, fails the check. `tools/mutants.py NAME...` runs only the named ones.
"""

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TREE = ROOT / "build" / "mutants"
SCHEDULES = 40_000  # most are caught within a few hundred
SLICE = 2_000
SLICE_SECONDS = 300  # many times the time of a slice, also with other builds in parallel


@dataclass(frozen=True)
class Mutant:
    name: str
    file: str
    text: str
    broken: str
    tests: str = "WalSimulation.*"


WAL = "src/adapters/wal/"
MEMORY = "src/journal/memory_journal.cc"
PIPELINE = "Pipeline*"
TWO_STARTS = "WalSimulation.TwoStartsMayBeCutShort"
NOTES = "WalSimulation.NotesOfOtherEventsSettleNothing:WalSimulation.WhatIsAcknowledgedIsKept"
NATIVE = "src/adapters/kafka/native/"
KAFKA = "Kafka*"
MUTANTS = [
    Mutant(
        "acknowledged before the sync",
        WAL + "committer.cc",
        "  if (const auto synced = frame.file->Sync(); !synced) {",
        "  if (const DiskResult<void> synced; !synced) {",
    ),
    Mutant(
        "a request needs not wait for the sync",
        WAL + "appender.cc",
        "request, batch.Size(), state_.segments.End(), state_.DurableEnd());",
        "request, batch.Size(), state_.segments.End(), state_.segments.End());",
    ),
    Mutant(
        "no waiter is notified of a sync",
        WAL + "committer.cc",
        "    state_.completions.MoveDurableEnd(state_.DurableEnd(), wakes);\n",
        "",
    ),
    Mutant(
        "a loop whose request is due is not woken",
        "src/journal/completions.cc",
        "  if (queue->Push(waiter)) wakes.Add(queue);",
        "  if (queue->Push(waiter)) static_cast<void>(wakes);",
    ),
    Mutant(
        "a failed sync is retried",
        WAL + "committer.cc",
        "  if (const auto synced = frame.file->Sync(); !synced) {",
        "  if (const auto synced = frame.file->Sync(); !synced && !frame.file->Sync()) {",
    ),
    Mutant(
        "a segment's name is not synced",
        WAL + "segment_files.cc",
        "  if (done) done = directory.Sync();",
        "",
    ),
    Mutant(
        "a recycled segment's name is not synced",
        WAL + "segment_releaser.cc",
        "  if (done) done = state_.directory.Sync();\n  if (done) {\n",
        "  if (done) {\n",
    ),
    Mutant(
        "a segment is removed before the checkpoint",
        WAL + "segment_releaser.cc",
        "  DiskResult<void> done = checkpoints_.Save(snapshot);\n  snapshot.settled_since = 0;\n  if (done) done = checkpoints_.Save(snapshot);",
        "  DiskResult<void> done;",
    ),
    Mutant(
        "a segment is removed with unsettled events",
        WAL + "segment_table.cc",
        "if (segment->second.unsettled == 0 && segment != open_) NoteDone(segment);",
        "if (segment->second.unsettled <= 1 && segment != open_) NoteDone(segment);",
    ),
    Mutant(
        "the checkpoint settles events that are only taken",
        WAL + "wal_journal.cc",
        "    taken = state_.durable.window.Take(lane, out);\n",
        "    taken = state_.durable.window.Take(lane, out);\n"
        "    for (size_t i = 0; i < taken; ++i) state_.segments.Settle(out[i].position, out[i].position + 1);\n",
    ),
    Mutant(
        "a batch is accepted by half",
        WAL + "appender.cc",
        "    index.push_back(EntryOf(slices, request.batch.Bytes()));",
        "    if (index.size() < 6) index.push_back(EntryOf(slices, request.batch.Bytes()));",
    ),
    Mutant(
        "a torn commit is trusted",
        WAL + "recovery.cc",
        "    result.torn = uncertain && !scanner.AllSound();",
        "    result.torn = scanner.AllSound() && false;",
    ),
    Mutant(
        "damage in an event is not seen",
        WAL + "backlog_reader.cc",
        "      if (IsSoundEvent({bytes, entry.size}, entry)) {",
        "      if (entry.size > 0) {",
    ),
    Mutant(
        "the newest commit is not written again",
        WAL + "wal_journal.cc",
        "  state_.last_frame.waiting = std::move(found.last_frame);",
        "",
    ),
    Mutant(
        "its old segment is removed too early",
        WAL + "segment_releaser.cc",
        "    if (state_.HoldsLastFrame(key.number)) continue;\n",
        "",
    ),
    Mutant(
        "a copy that a crash cut short replaces the original",
        WAL + "recovery.cc",
        "      needed = before->end != found->end;",
        "      needed = true;",
        TWO_STARTS,
    ),
    Mutant(
        "a copy is acknowledged that the next start may drop",
        WAL + "committer.cc",
        "    if (frame->IsCopy()) return AwaitCopyCheckpoint(bytes);\n",
        "",
        TWO_STARTS,
    ),
    Mutant(
        "a repair treats a torn commit as the log's end",
        WAL + "log_survey.cc",
        "  DropUnfinished(directory, durable_end, survey);\n",
        "  if (survey.segments.empty()) DropUnfinished(directory, durable_end, survey);\n",
        TWO_STARTS,
    ),
    Mutant(
        "positions are reused",
        WAL + "segment_table.cc",
        "  end_ = end;\n",
        "  end_ = settled_.Below();\n",
    ),
    Mutant(
        "two commits wait for one sync",
        WAL + "log_tail.cc",
        "  offset_ = frame.offset + FrameBytes(frame.header);",
        "  offset_ = frame.offset + kFrameHeaderBytes + frame.header.body_bytes +\n"
        "            frame.header.events * kIndexEntryBytes;",
    ),
    Mutant(
        "events older than the machine's uptime are never forgotten",
        "src/journal/remembered_ids.cc",
        "std::clamp<int64_t>(second, kLongAgo, kLatest)",
        "std::clamp<int64_t>(static_cast<uint32_t>(second), kLongAgo, kLatest)",
    ),
    Mutant(
        "a restart doesn't know an event's client",
        WAL + "appender.cc",
        "  piece.identity = batch.Identity();\n",
        "",
    ),
    Mutant(
        "a restart treats the service's timestamp as the client's",
        WAL + "appender.cc",
        "  entry.added_size = static_cast<uint8_t>(slices.added_size);\n",
        "",
    ),
    Mutant(
        "settled events are read back too",
        WAL + "backlog_reader.cc",
        "    if (state_.segments.Settled().Contains(event.position) || state_.durable.Defer(event)) continue;",
        "    if (state_.durable.Defer(event)) continue;",
    ),
    Mutant(
        "an event overtakes the deferred ones of its key",
        WAL + "deferred_events.cc",
        "    waits = found->second.buckets.contains(",
        "    waits = false && found->second.buckets.contains(",
    ),
    Mutant(
        "the backlog is overtaken",
        WAL + "committer.cc",
        "  if (state_.durable.backlog.exists) return;\n",
        "",
    ),
    Mutant(
        "a wake-up is lost when space is free again",
        WAL + "wal_journal.cc",
        "    wake_read_back = state_.WakeReadBack();\n    wake_housekeep = LogState::WakeIfIdle(state_.housekeep_idle);",
        "    wake_housekeep = LogState::WakeIfIdle(state_.housekeep_idle);",
    ),
    Mutant(
        "the limit of disk use is exceeded",
        WAL + "segment_preparer.cc",
        "  return others + bytes <= state.options.bytes_max;",
        "  return others + bytes > 0;",
    ),
    Mutant(
        "unreadable events are lost after a while",
        WAL + "backlog_reader.cc",
        "  fault.retry_at = now + fault.pause;",
        "  fault.retry_at = now + fault.pause;\n"
        "  if (now > fault.since + std::chrono::seconds(1) && cursor.scanner) cursor.scanner->ReadPastFaults();",
    ),
    Mutant(
        "damaged files give their space to new segments",
        WAL + "segment_preparer.cc",
        "  const auto names = state_.directory.List();\n  if (!names) return Work::kLater;\n",
        "  for (const std::string& name : state_.directory.List().value_or(std::vector<std::string>())) {\n"
        "    if (DamagedNumber(name)) static_cast<void>(state_.directory.Remove(name));\n"
        "  }\n"
        "  const auto names = state_.directory.List();\n  if (!names) return Work::kLater;\n",
    ),
    Mutant(
        "a damaged segment is used again",
        WAL + "segment_releaser.cc",
        "    damaged = segment.damaged;\n",
        "    damaged = segment.damaged && segment.unsettled > 0;\n",
    ),
    Mutant(
        "the newest commit is written into any segment",
        WAL + "segment_preparer.cc",
        "  const uint64_t wanted = std::max(state.options.segment_bytes, least);",
        "  const uint64_t wanted = state.options.segment_bytes;",
    ),
    Mutant(
        "events of a commit that is written again count in its old segment",
        WAL + "segment_table.cc",
        "    before->second.unsettled -= added->second.unsettled;  // they are in the new one now\n",
        "",
    ),
    Mutant(
        "the newest commit is written again without its clients",
        WAL + "log_tail.cc",
        "  frame.end = end;\n",
        "  frame.end = end;\n  for (auto& origin : frame.end.origins) origin.client = kNoClient;\n",
    ),
    Mutant(
        "the rest of a segment is charged twice",
        WAL + "log_state.cc",
        "    if (room > 0) Charge(*segments.Newest(), piece.client, room);\n",
        "    if (room > 0) Charge(*segments.Newest(), piece.client, 2 * room);\n",
    ),
    Mutant(
        "a segment releases its charges with unsettled events",
        WAL + "segment_releaser.cc",
        "  if (newest == nullptr || newest->unsettled > 0) return;\n",
        "  if (newest == nullptr) return;\n",
    ),
    Mutant(
        "a segment keeps its charges",
        WAL + "segment_releaser.cc",
        "    if (Segment* const segment = state_.segments.Find(key)) segment->holdings.GiveTo(*state_.options.shares);\n",
        "    static_cast<void>(key);\n",
    ),
    Mutant(
        "every segment stays open",
        WAL + "backlog_reader.cc",
        "  scanner.reset();\n  file.reset();\n",
        "  scanner.reset();\n  if (file) new auto(std::move(file));\n",
    ),
    Mutant(
        "reading back starts after the backlog's first commit",
        WAL + "committer.cc",
        ".start = {frame.header.segment, frame.offset, frame.header.first_position},",
        ".start = {frame.header.segment, frame.offset + kSectorBytes, frame.header.first_position},",
    ),
    Mutant(
        "a frame is skipped with its last event unsettled",
        WAL + "segment_scanner.cc",
        "    if (found->first_position + found->events <= wanted) {",
        "    if (found->first_position + found->events <= wanted + 1) {",
    ),
    Mutant(
        "a dead letter counts before it is stored",
        "src/delivery/dead_letters.cc",
        "  if (report.result == DeadLetterResult::kWritten) return Done(dead_letter);\n",
        "  if (report.result != DeadLetterResult::kRejected) return Done(dead_letter);\n",
        PIPELINE,
    ),
    Mutant(
        "events that are placed again lose their order",
        NATIVE + "topic_queue.cc",
        "  std::ranges::sort(items, {}, &Item::token);\n",
        "",
        KAFKA,
    ),
    Mutant(
        "newer records are sent before older ones of their key",
        NATIVE + "partition.cc",
        "  return !queue_.IsHeldBack() || queue_[out_].sealed;\n",
        "  return true;\n",
        KAFKA,
    ),
    Mutant(
        "settled events block others forever",
        NATIVE + "partition.cc",
        "  BatchQueue::Release(*batch);\n  proven_ = true;\n",
        "  proven_ = true;\n",
        KAFKA,
    ),
    Mutant(
        "the first rejection is final",
        NATIVE + "rejected_records.cc",
        "    if (policy_.MayRetry(one.attempts)) {",
        "    if (false) {",
        KAFKA,
    ),
    Mutant(
        "settled events are still charged",
        MEMORY,
        "      options_.shares->Give(run.client, Shared::kJournalBytes, run.held_bytes);\n",
        "",
        PIPELINE,
    ),
    Mutant(
        "the overhead of an event is not counted",
        "src/journal/memory_journal.h",
        "    return batch.Bytes().size() + batch.Size() * kEventOverheadBytes;\n",
        "    return batch.Bytes().size();\n",
        PIPELINE,
    ),
    Mutant(
        "an attempt counts though the topic rejects everything",
        NATIVE + "rejected_records.cc",
        "rejected.since < accepted_at_ ? 1 : 0;",
        "1;",
        KAFKA,
    ),
    Mutant(
        "numbers are reused after a batch that shrank",
        NATIVE + "partition_repairs.cc",
        "  BeginEpoch();\n  failures_ = 0;\n",
        "  ResetNumbers();\n  failures_ = 0;\n",
        KAFKA,
    ),
    Mutant(
        "a record in the leader's log is a success",
        NATIVE + "partition_repairs.cc",
        "    witness_ = in_log - 1;\n",
        "    for (size_t left = in_log; left > 0; --left) Deliver(0, -1, true, now);\n",
        KAFKA,
    ),
    Mutant(
        "the log of the previous leader is trusted",
        NATIVE + "partition.cc",
        "  witness_.reset();\n  if (state_ != State::kAwaitingTopicId",
        "  if (state_ != State::kAwaitingTopicId",
        KAFKA,
    ),
    Mutant(
        "several batches are sent after a leader moved",
        NATIVE + "partition.cc",
        "  sequence_failures_ = 0;\n  proven_ = false;\n",
        "  sequence_failures_ = 0;\n",
        KAFKA,
    ),
    Mutant(
        "busy turns while a leader's address is not known",
        NATIVE + "broker_connections.cc",
        "    if (!std::exchange(metadata_.needed, true)) Wake(",
        "    metadata_.needed = true;\n    Wake(",
        KAFKA,
    ),
    Mutant(
        "five batches are in flight before the first is acknowledged",
        NATIVE + "partition.cc",
        "out_ >= (proven ? kOutMax : 1)) return false;",
        "out_ >= (proven ? kOutMax : kOutMax)) return false;",
        KAFKA,
    ),
    Mutant(
        "batches after a failure are sent again",
        NATIVE + "partition.cc",
        "    } else if (state_ == State::kReady) {\n      state_ = State::kDraining;  // the oldest one's answer says why\n    }",
        "    }",
        KAFKA,
    ),
    Mutant(
        "a batch without an answer is not in doubt",
        NATIVE + "partition.cc",
        "  batch.out = false;\n  batch.in_doubt = true;\n",
        "  batch.out = false;\n",
        KAFKA,
    ),
    Mutant(
        "the second half of a batch has the numbers of the first",
        NATIVE + "partition_repairs.cc",
        "  second->stamp.base_sequence = wire::SequenceAfter(whole->stamp.base_sequence, half);\n",
        "",
        KAFKA,
    ),
    Mutant(
        "batches after one that shrank keep their numbers",
        NATIVE + "partition_repairs.cc",
        "  BeginEpoch();\n  failures_ = 0;\n",
        "  failures_ = 0;\n",
        KAFKA,
    ),
    Mutant(
        "notes about events that the log doesn't have are trusted",
        WAL + "sent_recovery.cc",
        "settled_.Mark(begin, std::min(end, end_));",
        "settled_.Mark(begin, end);",
        NOTES,
    ),
    Mutant(
        "old notes are removed before the checkpoint is saved",
        WAL + "sent_log.cc",
        "    if (!oldest.snapshots || *oldest.snapshots >= saved || oldest.settled_end > saved_end) return;\n",
        "    if (saved + saved_end + 1 == 0) return;\n",
        NOTES,
    ),
    Mutant(
        "old notes are removed with the previous checkpoint",
        WAL + "sent_log.cc",
        "*oldest.snapshots >= saved",
        "*oldest.snapshots > saved",
        NOTES,
    ),
    Mutant(
        "notes count without a checkpoint",
        WAL + "recovery.cc",
        "  if (!log.has_checkpoint) {\n    log.sent.unreliable = log.sent.files;\n    return;\n  }\n",
        "",
        NOTES,
    ),
    Mutant(
        "a start keeps the old notes",
        WAL + "sent_recovery.cc",
        "    if (done) done = directory.Remove(SentName(number));\n",
        "    if (done && number > number + 1) done = directory.Remove(SentName(number));\n",
        NOTES,
    ),
    Mutant(
        "a start removes the old notes before the new ones exist",
        WAL + "wal_journal.cc",
        "  if (done && !found.has_checkpoint) done = RemoveSent(state_.directory, std::exchange(found.sent, {}));\n",
        "  if (done) done = RemoveSent(state_.directory, found.sent);\n  found.sent.files.clear();\n",
        NOTES,
    ),
    Mutant(
        "a file of notes begins without the unsettled batches",
        WAL + "sent_log.cc",
        "  const std::string copies = Copies();\n",
        "  const std::string copies;\n",
        NOTES,
    ),
    Mutant(
        "a new producer id keeps the old numbers",
        NATIVE + "partition.cc",
        "  wants_.producer_id = false;\n  ResetNumbers();\n",
        "  wants_.producer_id = false;\n",
        KAFKA,
    ),
    Mutant(
        "batches are not noted before they are sent",
        NATIVE + "producer.cc",
        "  listener_.OnWriting();\n",
        "",
        KAFKA,
    ),
    Mutant(
        "numbers of a previous epoch stay noted",
        NATIVE + "partition_repairs.cc",
        "    if (batch->stamp.base_sequence >= 0) listener_.OnNumbersVoid(*this, *batch);\n",
        "",
        KAFKA,
    ),
    Mutant(
        "the second half of a batch is not noted with the first",
        NATIVE + "partition_repairs.cc",
        "    listener_.OnNumbered(*this, *second);\n",
        "",
        KAFKA,
    ),
    Mutant(
        "batches of a previous run are sent in any order",
        NATIVE + "sent_stamp.cc",
        "  std::ranges::sort(sent,",
        "  if (sent.empty()) std::ranges::sort(sent,",
        KAFKA,
    ),
    Mutant(
        "batches of a previous run are sent before all of their events are there",
        NATIVE + "partition.cc",
        "  if (awaited_ > 0) return false;\n",
        "",
        KAFKA,
    ),
    Mutant(
        "new records are sent with the numbers of a previous run",
        NATIVE + "partition.cc",
        "  if (resuming_ && queue_[out_].stamp.base_sequence < 0) return false;\n",
        "",
        KAFKA,
    ),
    Mutant(
        "batches of a previous run hold nothing back in a topic that has grown",
        NATIVE + "topic_queue.cc",
        "    if (&present != &line->partition) present.Queue().HoldBack(*batch);\n",
        "    static_cast<void>(present);\n",
        KAFKA,
    ),
]


def copy_tree() -> None:
    """Copies the sources. Unchanged files are kept, so that their build is reused; compared by content, as an
    interrupted run leaves a mutant that is newer than its source."""
    names = ("src", "tests", "cmake", "bench", "fuzz", "CMakeLists.txt", "CMakePresets.json")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *names],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    files = {name for name in listed.stdout.split("\0") if (ROOT / name).is_file()}
    for name in names:
        for path in (TREE / name).rglob("*"):
            if path.is_file() and str(path.relative_to(TREE)) not in files:
                path.unlink()
    for name in files:
        copy, content = TREE / name, (ROOT / name).read_bytes()
        if not copy.is_file() or copy.read_bytes() != content:
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)


def build() -> subprocess.CompletedProcess:
    environment = os.environ | {"CCACHE_BASEDIR": str(TREE), "CCACHE_NOHASHDIR": "1"}
    if not (TREE / "out" / "build.ninja").exists():
        subprocess.run(
            ["cmake", "-S", TREE, "-B", TREE / "out", "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release"]
            + ["-DCMAKE_CXX_FLAGS_RELEASE=-O1", "-DEI_BENCH=OFF"],
            check=True,
            env=environment,
            stdout=subprocess.DEVNULL,
        )
    return subprocess.run(
        ["cmake", "--build", TREE / "out", "--target", "simulation_tests"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def simulate(tests: str, schedules: int = SCHEDULES) -> bool:
    """True: the mutant was not noticed. Runs in slices, to distinguish a hang from a slow machine."""
    for first in range(1, schedules + 1, SLICE):
        environment = os.environ | {"EI_SCHEDULES": str(SLICE), "EI_SEED": str(first)}
        try:
            done = subprocess.run(
                [TREE / "out" / "tests" / "simulation_tests", f"--gtest_filter={tests}", "--gtest_fail_fast"],
                env=environment,
                capture_output=True,
                timeout=SLICE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False  # a hang counts as noticed
        if done.returncode != 0:
            return False
    return True


def try_mutant(mutant: Mutant) -> str:
    """Empty: the mutant was caught; else the reason why not."""
    path = TREE / mutant.file
    original = path.read_text(encoding="utf-8")
    if original.count(mutant.text) != 1:
        return (
            f"its text occurs {original.count(mutant.text)} times in {mutant.file}; update tools/mutants.py"
        )
    path.write_text(original.replace(mutant.text, mutant.broken), encoding="utf-8")
    try:
        built = build()
        if built.returncode != 0:
            return "does not compile:\n" + built.stdout[-2000:]
        return "SURVIVED" if simulate(mutant.tests) else ""
    finally:
        path.write_text(original, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("names", nargs="*", help="only these")
    chosen = parser.parse_args().names
    copy_tree()
    built = build()
    if built.returncode != 0:
        print(built.stdout[-4000:])
        return 1
    if not simulate("*", schedules=SLICE):
        print("the simulations fail without any mutant")
        return 1
    failures = 0
    mutants = [mutant for mutant in MUTANTS if not chosen or mutant.name in chosen]
    for mutant in mutants:
        began = time.monotonic()
        wrong = try_mutant(mutant)
        failures += 1 if wrong else 0
        print(f"  {wrong or 'caught':10}  {time.monotonic() - began:5.1f} s  {mutant.name}", flush=True)
    print(f"{len(mutants) - failures} of {len(mutants)} mutants caught")
    return 1 if failures or not mutants else 0


if __name__ == "__main__":
    sys.exit(main())
