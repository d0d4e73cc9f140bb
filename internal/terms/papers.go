// SPDX-License-Identifier: Apache-2.0

package terms

import "regexp"

// A Span is a piece of text. Link is the address that it links to, or "".
type Span struct{ Text, Link string }

var arxiv = regexp.MustCompile(`arXiv:(\d{4}\.\d{4,5})`)

// Papers splits a text, and links the papers on arXiv that it names.
func Papers(text string) []Span {
	var all []Span
	at := 0
	for _, m := range arxiv.FindAllStringSubmatchIndex(text, -1) {
		all = append(all, Span{Text: text[at:m[0]]}, Span{text[m[0]:m[1]], "https://arxiv.org/abs/" + text[m[2]:m[3]]})
		at = m[1]
	}
	if at < len(text) {
		all = append(all, Span{Text: text[at:]})
	}
	return all
}
