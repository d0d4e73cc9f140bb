// SPDX-License-Identifier: Apache-2.0

//go:build !race

package augment_test

const underRace = false
