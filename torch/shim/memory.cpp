// SPDX-License-Identifier: Apache-2.0
//
// The memory of large tensors. A step makes and frees the same sizes again and again, from several threads in changing
// order. malloc cuts its free pieces ever smaller that way: a ResNet-18 that used 620 MiB at a time held 1,000. Here
// every large tensor has pages of its own, which wait for the next tensor of about its size.
#include "handle.h"

#include <c10/core/CPUAllocator.h>

#ifdef __linux__
#include <sys/mman.h>

#include <algorithm>
#include <list>
#include <map>
#include <mutex>
#endif

namespace plx {

#ifdef __linux__
namespace {

constexpr size_t large = size_t{1} << 20;  // smaller tensors are malloc's
constexpr size_t huge = 4 * large;		   // from here on huge pages are faster, if the system has them
constexpr size_t page = size_t{1} << 16;   // sizes are multiples of it
constexpr size_t line = 64;				   // of the cache; a tensor begins at one, and its header is the one before

// So much may wait in addition to a sixteenth of what was used at the busiest time.
constexpr size_t spare = size_t{16} << 20;

struct Header {
	void *pages;  // nullptr: malloc's
	size_t size;
};
static_assert(sizeof(Header) <= line);

Header &header(void *data) { return *reinterpret_cast<Header *>(static_cast<char *>(data) - line); }

class Pages final : public at::Allocator {
  public:
	at::DataPtr allocate(size_t n) override {
		void *data = n == 0 ? nullptr : n < large ? small(n) : take(n);
		TORCH_CHECK(n == 0 || data != nullptr, "out of memory: you tried to allocate ", n, " bytes");
		return {data, data, &give_back, at::Device(at::DeviceType::CPU)};
	}
	at::DeleterFnPtr raw_deleter() const override { return &give_back; }
	void copy_data(void *dest, const void *src, size_t count) const override { default_copy_data(dest, src, count); }

	static Pages &only() {
		static Pages *p = new Pages;  // tensors may outlive every destructor
		return *p;
	}

  private:
	using Idle = std::multimap<size_t, std::list<void *>::iterator>;

	std::mutex lock;
	size_t used = 0, most = 0, waiting = 0;	 // bytes: of tensors, at the busiest time, of what waits
	size_t made = 0;
	std::list<void *> oldest;  // what waits, in the order in which it was given back
	Idle idle;				   // the same by size

	static void *small(size_t n) {
		void *at;
		if (posix_memalign(&at, line, n + line) != 0) return nullptr;
		void *data = static_cast<char *>(at) + line;
		header(data) = {nullptr, n};
		return data;
	}

	void *take(size_t n) {
		std::lock_guard<std::mutex> held(lock);
		size_t want = (n + 64 * line + page - 1) / page * page;
		auto found = idle.lower_bound(want);
		if (found != idle.end() && found->first <= want + want / 2) {
			found = std::prev(idle.upper_bound(found->first));	// the last one of its size, which a cache may hold
			void *data = *found->second;
			count(header(data).size);
			waiting -= header(data).size;
			oldest.erase(found->second);
			idle.erase(found);
			return data;
		}
		while (!oldest.empty() && used + waiting + want > std::max(most, used + want) * 17 / 16 + spare) release();
		void *pages = map(want);
		while (pages == MAP_FAILED && !oldest.empty()) {
			release();
			pages = map(want);
		}
		if (pages == MAP_FAILED) return nullptr;
		count(want);
		// Tensors begin at different places of a page: a loop over several of them would wait for its own writes.
		char *data = static_cast<char *>(pages) + line * (1 + made++ % 63);
		header(data) = {pages, want};
		return data;
	}

	void count(size_t size) {
		used += size;
		most = std::max(most, used);
	}

	static void *map(size_t n) {
		void *pages = mmap(nullptr, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (pages != MAP_FAILED && n >= huge) madvise(pages, n, MADV_HUGEPAGE);
		return pages;
	}

	// Gives the pages that have waited longest to the system.
	void release() {
		Header gone = header(oldest.front());
		auto range = idle.equal_range(gone.size);
		for (auto i = range.first; i != range.second; ++i) {
			if (i->second != oldest.begin()) continue;
			idle.erase(i);
			break;
		}
		oldest.pop_front();
		waiting -= gone.size;
		munmap(gone.pages, gone.size);
	}

	static void give_back(void *data) {
		if (data == nullptr) return;
		if (header(data).pages == nullptr) {
			std::free(static_cast<char *>(data) - line);
			return;
		}
		Pages &p = only();
		std::lock_guard<std::mutex> held(p.lock);
		size_t size = header(data).size;
		p.used -= size;
		p.waiting += size;
		p.oldest.push_back(data);
		p.idle.emplace(size, std::prev(p.oldest.end()));
	}
};

}  // namespace

void own_pages() { c10::SetCPUAllocator(&Pages::only()); }
#else
void own_pages() {}
#endif

}  // namespace plx
