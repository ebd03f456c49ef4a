// Contains a deliberate fault: tools/fuzz.sh --self-test checks with it that faults are found.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto block = std::make_unique<char[]>(size);
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  input.copy(block.get(), size);
  // Reads one byte past the block.
  return input.starts_with("ev") && block[size] == 'x' ? -1 : 0;
}
