// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"fmt"
	"slices"

	"github.com/parallax-ssl/parallax/internal/printable"
)

// LeftOut is a kind of files or folders that are not taken, and why.
type LeftOut struct {
	What     string // "file", "folder" or "image"
	Reason   string
	Count    int
	Examples []string // the names of the first few
}

// leftOutExamples is how many names a LeftOut keeps.
const leftOutExamples = 3

// String is for example "30 files: not images by their content (such as img_000.xmp)".
func (l LeftOut) String() string {
	what, such := l.What, ""
	if l.Count != 1 {
		what, such = what+"s", "such as "
	}
	if len(l.Examples) == 0 {
		return fmt.Sprintf("%d %s: %s", l.Count, what, l.Reason)
	}
	return fmt.Sprintf("%d %s: %s (%s%s)", l.Count, what, l.Reason, such, printable.Name(l.Examples[0]))
}

// skipped counts what is left out, in the order in which it was met.
type skipped []LeftOut

// add counts a file.
func (s *skipped) add(reason, name string) { s.count("file", reason, name) }

// folder counts a folder, with all that it holds.
func (s *skipped) folder(reason, name string) { s.count("folder", reason, name) }

func (s *skipped) count(what, reason, name string) {
	i := slices.IndexFunc(*s, func(l LeftOut) bool { return l.What == what && l.Reason == reason })
	if i < 0 {
		i = len(*s)
		*s = append(*s, LeftOut{What: what, Reason: reason})
	}
	l := &(*s)[i]
	if l.Count++; len(l.Examples) < leftOutExamples {
		l.Examples = append(l.Examples, name)
	}
}

// clone is a copy to which more can be added.
func (s skipped) clone() skipped {
	s = slices.Clone(s)
	for i := range s {
		s[i].Examples = slices.Clip(s[i].Examples)
	}
	return s
}

func (s skipped) notes() []string {
	var notes []string
	for _, l := range s {
		notes = append(notes, "left out "+l.String())
	}
	return notes
}
