#include "adapters/wal/event_mover.h"

#include "adapters/wal/read_write.h"

namespace ei::wal {

void EventMover::OnFrame(const FrameHeader& frame, uint64_t /*end_byte*/) {
  WriteFrame();
  frame_.accepted_at = frame.accepted_at;
}

bool EventMover::OnEvent(const LoggedEvent& event) {
  if (event.settled) return true;
  bodies_.append(event.bytes);
  AppendIndexEntry(index_, event.entry);
  topic_ = event.frame_topic;
  if (event.client) AddOrigin(origins_, {1, *event.client});
  ++frame_.events;
  ++events_;
  return written_.has_value();
}

void EventMover::WriteFrame() {
  if (frame_.events == 0 || !written_) return;
  frame_.segment = header_.number;
  frame_.salt = header_.salt;
  frame_.first_position = header_.first_position + events_ - frame_.events;
  frame_.body_bytes = bodies_.size();
  frame_.origins = static_cast<uint32_t>(origins_.size());
  frame_.topic_size = static_cast<uint16_t>(topic_.size());
  std::string& end = index_;
  for (const Origin& origin : origins_) AppendOrigin(end, origin);
  end.append(topic_);
  std::string out;
  AppendFrameHeader(out, frame_, end);
  out.append(bodies_);
  AppendFrameEnd(out, end);
  written_ = WriteAll(file_, offset_, out);
  offset_ += out.size();
  frame_.events = 0;
  bodies_.clear();
  index_.clear();
  origins_.clear();
}

DiskResult<void> EventMover::Finish() {
  WriteFrame();
  if (written_) written_ = WriteAll(file_, 0, EncodeSegmentHeader(header_));
  if (written_) written_ = file_.Sync();
  return written_;
}

}  // namespace ei::wal
