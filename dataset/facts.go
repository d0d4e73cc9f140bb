// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/internal/printable"
)

// Facts are what a path was taken for, and why.
type Facts struct {
	Splits      []SplitFacts // of the whole source, in the order of Source.Splits
	SplitWhy    string       // why there are these splits, or none
	ClassesFrom string       // where the labels are from: "folders", a file's name, or the source's Kind; "": no labels
	ClassWhy    string       // why the images have no labels; "" if they have some
	LeftOut     []LeftOut    // what was not taken
}

// SplitFacts are the facts of one split.
type SplitFacts struct {
	Name    string
	From    string // the folder or the list that it is, "" if the format has its own splits
	Images  int
	Classes int // the number of classes of its images
}

// Summary says in one line what the path was taken for: images, classes, splits, and what was left out.
func (s *Source) Summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "data: %s", plural(s.Len(), "image"))
	switch f := s.Facts; {
	case len(s.Classes) == 0:
		fmt.Fprintf(&b, " without labels (%s)", f.ClassWhy)
	case f.ClassesFrom == "folders":
		fmt.Fprintf(&b, " of %s (folders %s)", plurals(len(s.Classes), "class", "classes"), firstNames(s.Classes))
	default:
		fmt.Fprintf(&b, " of %s (from %s)", plurals(len(s.Classes), "class", "classes"), printable.Name(f.ClassesFrom))
	}
	if len(s.Splits) == 0 {
		b.WriteString(", no splits")
		if s.Facts.SplitWhy != becauseNoName {
			fmt.Fprintf(&b, " (%s)", s.Facts.SplitWhy)
		}
	} else {
		var all []string
		for _, f := range s.Facts.Splits {
			in := ""
			if folder := path.Base(f.From); f.From != "" && folder != f.Name {
				in = " in " + printable.Name(folder)
			}
			all = append(all, fmt.Sprintf("%s (%d%s)", f.Name, f.Images, in))
		}
		what := "split " + s.Split
		if s.Split == SplitAll {
			what = "all splits"
		}
		fmt.Fprintf(&b, ", %s of %s, %s", what, strings.Join(all, " and "), s.Facts.SplitWhy)
	}
	for i, l := range s.Facts.LeftOut {
		b.WriteString([]string{"; left out ", ", "}[min(i, 1)] + l.String())
	}
	return b.String()
}

// Remarks are the Notes that Summary does not have.
func (s *Source) Remarks() []string {
	left := skipped(s.Facts.LeftOut).notes()
	return slices.DeleteFunc(slices.Clone(s.Notes), func(n string) bool { return slices.Contains(left, n) })
}

func plural(n int, what string) string { return plurals(n, what, what+"s") }

func plurals(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// firstNames lists the first few names.
func firstNames(names []string) string {
	const most = 6
	text := printable.Names(names[:min(len(names), most)])
	if len(names) > most {
		text += ", ..."
	}
	return text
}
