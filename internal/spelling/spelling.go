// SPDX-License-Identifier: Apache-2.0

// Package spelling finds what somebody who mistyped a name meant.
package spelling

import (
	"strings"

	"github.com/agnivade/levenshtein"
)

// Nearest is the candidate with the smallest edit distance to name, capitals aside, the first of equals, or "" without
// candidates. It is what an error about an unknown key, method or flag suggests.
func Nearest(name string, candidates []string) string {
	best, distance := "", -1
	for _, c := range candidates {
		if d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(c)); distance < 0 || d < distance {
			best, distance = c, d
		}
	}
	return best
}
