// SPDX-License-Identifier: Apache-2.0
//
// What c10d's ProcessGroupGloo.hpp names of Gloo. The headers of Gloo are not in libtorch's wheel, and no code of ours
// calls Gloo: the classes only have to be declared, and those with virtual functions only to be derived from.
#pragma once
#include <chrono>
#include <string>
#include <vector>

namespace gloo {
namespace rendezvous {

class Store {
public:
	virtual ~Store() = default;
	virtual void set(const std::string &key, const std::vector<char> &data) = 0;
	virtual std::vector<char> get(const std::string &key) = 0;
	virtual void wait(const std::vector<std::string> &keys) = 0;
	virtual void wait(const std::vector<std::string> &keys, const std::chrono::milliseconds &timeout) = 0;
};

}  // namespace rendezvous
}  // namespace gloo
