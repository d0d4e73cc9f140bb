// SPDX-License-Identifier: Apache-2.0

// Package theory computes results that papers derive in closed form or for linear networks. It needs no images, no
// trained network and no libtorch. Package claims has the claims that use it.
package theory
