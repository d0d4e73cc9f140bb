// SPDX-License-Identifier: Apache-2.0

// Package theory computes what some papers derive in closed form, or for linear networks: no images, no network and no
// libtorch. The claims that rest on it are in package claims.
package theory
