// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/parallax-ssl/parallax/internal/printable"
)

// takeOnce makes it an error to give a flag of the command, or of those below it, twice, if the flag takes one value:
// the last one would win in silence.
func takeOnce(c *cobra.Command) {
	wrap := func(f *pflag.Flag) {
		if _, several := f.Value.(pflag.SliceValue); !several {
			f.Value = &once{Value: f.Value, flag: f.Name}
		}
	}
	c.Flags().VisitAll(wrap)
	for _, sub := range c.Commands() {
		takeOnce(sub)
	}
}

// once is the value of a flag that may be given once.
type once struct {
	pflag.Value
	flag  string
	given *string
}

func (o *once) Set(s string) error {
	if o.given != nil {
		return &twiceError{o.flag, *o.given, s}
	}
	o.given = &s
	return o.Value.Set(s)
}

// twiceError is a flag, or a setting, that was given twice.
type twiceError struct{ flag, first, second string }

func (e *twiceError) Error() string {
	return fmt.Sprintf("--%s was given twice: %s and %s; it takes one value", e.flag, printable.Name(e.first),
		printable.Name(e.second))
}

// setOnce returns an error if sets, the values of --set, give a key twice.
func setOnce(sets []string) error {
	given := map[string]string{}
	for _, s := range sets {
		path, value, _ := strings.Cut(s, "=")
		if first, twice := given[path]; twice {
			return &twiceError{"set " + path, first, value}
		}
		given[path] = value
	}
	return nil
}
