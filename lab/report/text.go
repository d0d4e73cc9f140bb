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
