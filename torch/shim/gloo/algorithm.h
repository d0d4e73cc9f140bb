// SPDX-License-Identifier: Apache-2.0
//
// What c10d's ProcessGroupGloo.hpp names of Gloo. The headers of Gloo are not in libtorch's wheel, and no code of ours
// calls Gloo: the classes only have to be declared, and those with virtual functions only to be derived from.
#pragma once
