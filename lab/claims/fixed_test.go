// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/lab"
)

// Every claim has the date and the commit of its rule, once.
func TestEveryRuleHasADate(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range fixed {
		for _, id := range strings.Fields(f.claims) {
			if _, err := lab.Find(All, id); err != nil || seen[id] {
				t.Errorf("%s is dated twice, or %v", id, err)
			}
			seen[id] = true
		}
	}
	for _, e := range All {
		if e.Fixed.Date.IsZero() || e.Fixed.Commit == "" {
			t.Errorf("%s has no date: add it to fixed.go", e.ID)
		}
	}
}

// The commits are in the history of this one, with these dates. A copy of the history need not hold all of them.
func TestTheCommitsOfRulesExist(t *testing.T) {
	git := func(arguments ...string) (string, error) {
		c := exec.Command("git", arguments...)
		c.Env = append(os.Environ(), "TZ=UTC")
		out, err := c.Output()
		return strings.TrimSpace(string(out)), err
	}
	if shallow, err := git("rev-parse", "--is-shallow-repository"); err != nil || shallow != "false" {
		t.Skip("no history here")
	}
	all := []lab.Fixed{}
	for _, f := range fixed {
		all = append(all, f.Fixed)
	}
	for _, v := range lab.Versions {
		all = append(all, v.Fixed)
	}
	for _, f := range all {
		if _, err := git("cat-file", "-e", f.Commit); err != nil {
			t.Logf("%s is not in this copy of the history", f.Commit)
			continue
		}
		if _, err := git("merge-base", "--is-ancestor", f.Commit, "HEAD"); err != nil {
			t.Errorf("%s is no commit before this one: %v", f.Commit, err)
			continue
		}
		date, err := git("log", "-1", "--format=%ad", "--date=format-local:%Y-%m-%d %H:%M", f.Commit)
		if want := f.Date.Format("2006-01-02 15:04"); err != nil || date != want {
			t.Errorf("%s is of %s, not of %s (%v)", f.Commit, date, want, err)
		}
	}
}
