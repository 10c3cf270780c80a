#include "samplers/torch/mapping.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "theory/types.hpp"

namespace lml {

Mapping::Mapping(const std::filesystem::path& file, std::uint64_t size) : data_(MAP_FAILED), size_(size) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor >= 0) {
    data_ = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0);
    ::close(descriptor);
  }
  if (data_ == MAP_FAILED) throw BadInput("", "cannot be mapped into memory");
}

Mapping::~Mapping() { ::munmap(data_, size_); }

}  // namespace lml
