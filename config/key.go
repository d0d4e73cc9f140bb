// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"unicode"
)

// Key returns the config key of an exported Go field. It is in snake_case, with a run of capitals as one word:
// FinalRate is final_rate, KNN is knn, PILBlur is pil_blur, Beta1 is beta1.
func Key(field string) string {
	runes := []rune(field)
	var b strings.Builder
	for i, r := range runes {
		if i > 0 && unicode.IsUpper(r) {
			afterWord := !unicode.IsUpper(runes[i-1])
			beforeWord := i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if afterWord || beforeWord {
				b.WriteByte('_')
			}
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
