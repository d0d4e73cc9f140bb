// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/parallax-ssl/parallax/eval"
)

// Notes says how the accuracies on a probe's images are measured, what is had by chance, and what they leave out. It is
// empty without labels.
func (p *Probe) Notes() []string {
	if p.Classes == 0 {
		return nil
	}
	var notes []string
	if why := p.Unmeasured(); why != "" {
		notes = append(notes, fmt.Sprintf("no accuracy is measured on %s: %s", p.Name, why))
	} else {
		notes = append(notes, fmt.Sprintf("accuracies on %s are of %d queries (%s) and a bank of %d images (%s); %s",
			p.Name, p.Protocol.Queries, p.Drawn, p.Protocol.Bank, p.Rest, Chance(p.Protocol)))
	}
	if left := LeftOut(p.Protocol, p.Names); left != "" && p.Unmeasured() != oneEach {
		notes = append(notes, left)
	}
	return notes
}

// oneEach is why data with one image of each class has no accuracy.
const oneEach = "no two images that have a label are of the same class"

// Unmeasured says why there is no accuracy on a probe's images. It is empty if there is one, or if the images have no
// labels.
func (p *Probe) Unmeasured() string {
	switch n := p.Protocol; {
	case p.Classes == 0 || n.Queries > 0:
		return ""
	case n.Bank == 0:
		return "no image of the bank has a label"
	case n.Classes == 1 && n.LeftOut == 0:
		return "all images that have a label are of the class " + named(p.Names, labels(p.Bank)[:1])
	case p.held.Dataset != nil && n.Bank == n.Classes:
		return oneEach
	case n.LeftOut > 0:
		return "no class has both queries and images in the bank"
	}
	return "no query has a label"
}

// Chance says which accuracies need no features.
func Chance(p eval.Protocol) string {
	return fmt.Sprintf("chance is %.3f: always answering with the bank's largest class has %.3f, and 1 of %d classes "+
		"is %.3f", p.Chance(), p.Majority, p.Classes, p.Uniform)
}

// LeftOut says how many queries no accuracy counts, and of which classes they are; "" if there are none.
func LeftOut(p eval.Protocol, names []string) string {
	if p.LeftOut == 0 {
		return ""
	}
	return fmt.Sprintf("queries that no accuracy counts: %d, because the bank has no image of their classes: %s",
		p.LeftOut, named(names, p.Lacking))
}

// mostNamed is how many classes a message names.
const mostNamed = 10

// named lists the names of classes. A name that is no plain word is quoted.
func named(names []string, classes []int) string {
	var all []string
	for _, class := range classes[:min(len(classes), mostNamed)] {
		name := names[class]
		if name == "" || strings.ContainsFunc(name, odd) {
			name = strconv.Quote(name)
		}
		all = append(all, name)
	}
	text := strings.Join(all, ", ")
	if left := len(classes) - mostNamed; left > 0 {
		text += fmt.Sprintf(" and %d more", left)
	}
	return text
}

// odd reports whether a name with the character is quoted.
func odd(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-.", r)
}
