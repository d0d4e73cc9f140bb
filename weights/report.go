// SPDX-License-Identifier: Apache-2.0

package weights

import (
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/internal/printable"
)

// What became of an entry of the file.
const (
	Used    = "used"     // under the name that it has in the file
	Renamed = "renamed"  // under another name
	LeftOut = "left out" // Why says the reason
)

// Report accounts for every entry of the file, and for every tensor of the network.
type Report struct {
	File    string             `json:"file"`
	SHA256  string             `json:"sha256"`
	Format  string             `json:"format"` // "safetensors", "torch zip" or "torch stream"
	Family  string             `json:"family"` // the program whose names the file has
	Prefix  string             `json:"prefix"` // before the names of the chosen network
	As      string             `json:"as"`     // the architecture
	Encoder checkpoint.Encoder `json:"-"`
	Meta    map[string]string  `json:"encoder"`       // Encoder's and the source's, as in the file that is written
	Out     string             `json:"out,omitempty"` // the file that was written
	Keys    []Key              `json:"keys"`
	Filled  []Fill             `json:"filled,omitempty"`
	Skipped []Foreign          `json:"skipped_globals,omitempty"`
	Notes   []string           `json:"notes,omitempty"`
}

// Key is an entry of the file.
type Key struct {
	Key    string `json:"key"`
	DType  string `json:"dtype,omitempty"` // of a tensor
	Shape  []int  `json:"shape,omitempty"`
	Action string `json:"action"`        // Used, Renamed or LeftOut
	To     string `json:"to,omitempty"`  // the network's name
	Why    string `json:"why,omitempty"` // it was left out, or how it was changed
}

// Fill is a tensor of the network that the file need not have.
type Fill struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// Foreign is a Python function or class that a file names, and that was skipped.
type Foreign struct {
	Name   string `json:"name"`
	Times  int    `json:"times"`
	Called bool   `json:"called"` // PyTorch would have called it while it reads the file
}

// Count returns how many entries of the file were used under any name, and how many were left out.
func (r *Report) Count() (used, left int) {
	for _, k := range r.Keys {
		if k.Action == LeftOut {
			left++
		} else {
			used++
		}
	}
	return used, left
}

// Summary is the report in a few lines; none for a nil report.
func (r *Report) Summary() []string {
	if r == nil {
		return nil
	}
	used, left := r.Count()
	return append([]string{fmt.Sprintf("read as %s of %s, with images of %d px: %d entries of %s used, %d left out",
		r.As, r.Family, r.Encoder.Size, used, printable.Name(filepath.Base(r.File)), left)}, r.Notes...)
}

// Text is the report for reading. Entries with the same fate are one line, unless each is asked for.
func (r *Report) Text(each bool) string {
	var b strings.Builder
	used, left := r.Count()
	fmt.Fprintf(&b, "%s: %s, %s\n", printable.Name(r.File), r.Format, r.Family)
	e := r.Encoder
	fmt.Fprintf(&b, "%s: width %d, stem %s, images of %d px, %d features; mean %.4g, std %.4g\n", e.Architecture,
		e.Width, e.Stem, e.Size, e.Features, e.Mean, e.Std)
	fmt.Fprintf(&b, "%d entries of the file used, %d left out\n\n", used, left)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "what\tentries\tfrom\tto, or why not")
	if each {
		for _, k := range r.Keys {
			fate := strings.Trim(k.To+", "+k.Why, ", ")
			fmt.Fprintf(w, "%s\t1\t%s\t%s\n", k.Action, printable.Name(k.Key), fate)
		}
	} else {
		for _, g := range r.groups() {
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", g.action, g.entries, printable.Name(g.from), g.to)
		}
	}
	w.Flush()
	if len(r.Filled) > 0 {
		fmt.Fprintf(&b, "\nnot in the file: %d, such as %s: %s\n", len(r.Filled), r.Filled[0].Name, r.Filled[0].Why)
	}
	if len(r.Skipped) > 0 {
		var names []string
		for _, f := range r.Skipped {
			name := printable.Name(f.Name)
			if f.Called {
				name += "()"
			}
			names = append(names, name)
		}
		fmt.Fprintf(&b, "\nnames of Python that the file asks for, not looked up and not run: %s\n",
			strings.Join(names, ", "))
	}
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "\n%s\n", note)
	}
	if r.Out != "" {
		fmt.Fprintf(&b, "\nwritten: %s\n", printable.Name(r.Out))
	}
	return strings.ReplaceAll(b.String(), " \n", "\n")
}

// group is several entries with one fate.
type group struct {
	action, from, to string
	entries          int
}

// groups puts entries with the same fate together, under what their names begin with.
func (r *Report) groups() (all []group) {
	places := map[group]int{}
	for _, k := range r.Keys {
		kin := group{action: k.Action, to: k.Why}
		switch own := strings.TrimPrefix(k.Key, r.Prefix); {
		case k.Action == LeftOut && k.DType == "":
			kin.from = k.Key
		case k.Action != LeftOut && strings.HasSuffix(own, k.To): // at most the prefix is gone
			kin.to = strings.TrimSuffix("*, "+k.Why, ", ")
		case k.Action == Renamed: // in several places of the network, each by its own rule
			to, _, _ := strings.Cut(k.To, ".")
			kin.to = strings.TrimSuffix(to+".*, "+k.Why, ", ")
		}
		at, known := places[kin]
		if !known {
			at = len(all)
			places[kin] = at
			all = append(all, group{kin.action, k.Key, kin.to, 0})
		}
		all[at].from = common(all[at].from, k.Key)
		all[at].entries++
	}
	return all
}

// common is what two names, or a pattern and a name, begin with, and a star.
func common(a, b string) string {
	if a == b {
		return a
	}
	n := 0
	for i := 0; i < min(len(a), len(b)) && a[i] == b[i]; i++ {
		if a[i] == '.' {
			n = i + 1
		}
	}
	return a[:n] + "*"
}
