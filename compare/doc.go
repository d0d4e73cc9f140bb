// SPDX-License-Identifier: Apache-2.0

// Package compare puts runs side by side. Runs that differ only in the seed form a group. Groups are compared at equal
// steps and at equal time of training: means, spreads, and how probable such a difference is by chance. Neither
// libtorch nor the images are needed.
package compare
