// SPDX-License-Identifier: Apache-2.0

// Package spelling finds the intended name for a mistyped one.
package spelling

import (
	"strings"

	"github.com/agnivade/levenshtein"
)

// Nearest returns the candidate with the smallest edit distance to name, ignoring case: the first of equals, or ""
// without candidates. Errors about an unknown key, method or flag suggest it.
func Nearest(name string, candidates []string) string {
	best, distance := "", -1
	for _, c := range candidates {
		if d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(c)); distance < 0 || d < distance {
			best, distance = c, d
		}
	}
	return best
}
