// SPDX-License-Identifier: Apache-2.0

package report

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/lab"
)

var metrics = regexp.MustCompile(
	`\b(` + strings.Join(slices.Sorted(maps.Keys(subjects)), "|") + `)\.[a-z_]+`)

// readable replaces the names of metrics.jsonl in a text, such as a rule, with words.
func readable(text string) string {
	return metrics.ReplaceAllStringFunc(text, func(name string) string { return title(lab.Metric(name)) })
}

var arxiv = regexp.MustCompile(`arXiv:(\d{4}\.\d{4,5})`)

// spans splits a text, and links the papers on arXiv that it names.
func spans(text string) []span {
	var all []span
	at := 0
	for _, m := range arxiv.FindAllStringSubmatchIndex(text, -1) {
		all = append(all, span{Text: text[at:m[0]]}, span{text[m[0]:m[1]], "https://arxiv.org/abs/" + text[m[2]:m[3]]})
		at = m[1]
	}
	return append(all, span{Text: text[at:]})
}
