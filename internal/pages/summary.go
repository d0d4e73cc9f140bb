// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method"
)

var arXiv = regexp.MustCompile(`arXiv:(\d{4}\.\d{5})`)

// cited returns a citation with a link for its arXiv number.
func cited(paper string) string {
	return arXiv.ReplaceAllString(paper, "[arXiv:$1](https://arxiv.org/abs/$1)")
}

// command returns the command that runs a method on a folder of photographs.
func command(e method.Entry) string {
	switch m := e.New().(type) {
	case parallax.Stager:
		return fmt.Sprintf("parallax %s --data photos --classes 10", m.Command())
	case parallax.Supporter, parallax.Supervised:
		return fmt.Sprintf("parallax pretrain --data photos --method %s --labels labels.csv", e.Name)
	}
	return fmt.Sprintf("parallax pretrain --data photos --method %s", e.Name)
}

// summary returns a method's entry in the list, for its page.
func summary(e method.Entry) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s. First public in %s.\n\n", cited(e.Paper), e.Date)
	fmt.Fprintf(&b, "```text\n%s\n```\n\n", e.Equation)
	fmt.Fprintf(&b, "Collapse is prevented by %s.\n\n", e.Collapse)
	fmt.Fprintf(&b, "    %s\n", command(e))
	b.WriteString("\nSettings that remove the prevention:\n\n")
	for _, s := range e.Prevents {
		fmt.Fprintf(&b, "- `%s`: %s.\n", strings.Join(s.Set, "`, `"), s.Why)
	}
	return b.String()
}
