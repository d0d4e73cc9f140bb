// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/parallax-ssl/parallax/method"
)

var arXiv = regexp.MustCompile(`arXiv:((\d\d)(\d\d)\.\d{5})`)

// An arXiv number begins with the year and month of the paper's first version, and later papers have larger numbers.
func TestAllIsSortedByDate(t *testing.T) {
	last := ""
	for _, e := range slices.Concat(method.All, method.Later) {
		number := arXiv.FindStringSubmatch(e.Paper)
		if number == nil {
			t.Errorf("%s: the paper %q has no arXiv number", e.Name, e.Paper)
			continue
		}
		if want := "20" + number[2] + "-" + number[3]; e.Date != want {
			t.Errorf("%s: the date is %q, and arXiv:%s is from %s", e.Name, e.Date, number[1], want)
		}
		if slices.ContainsFunc(method.Later, func(l method.Entry) bool { return l.Name == e.Name }) {
			continue
		}
		if number[1] < last {
			t.Errorf("%s (arXiv:%s) stands behind arXiv:%s: the list is by date", e.Name, number[1], last)
		}
		last = number[1]
	}
}
