#ifndef STREAM_LLM_IO_DESCRIPTOR_H_
#define STREAM_LLM_IO_DESCRIPTOR_H_

#include <unistd.h>

#include <utility>

namespace stream_llm {

// Owns a file descriptor and closes it.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }

  bool valid() const { return fd_ >= 0; }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_IO_DESCRIPTOR_H_
