// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/parallax-ssl/parallax/internal/describe"
	"github.com/parallax-ssl/parallax/method"
)

func methodsCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "methods [NAME]",
		Short: "List the methods by date, or explain one: paper, equation, how it avoids collapse, defaults",
		Example: `  parallax methods
  parallax methods simsiam
  parallax methods --json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage(fmt.Errorf("methods takes one name but got %q", args))
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return methodNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			entries := method.All
			if len(args) == 1 {
				e, err := method.Find(args[0])
				if err != nil {
					return usage(err)
				}
				entries = []method.Entry{e}
			}
			descriptions := make([]description, len(entries))
			for i, e := range entries {
				fields, err := describe.Fields(e)
				if err != nil {
					return err
				}
				variants, err := describe.Variants(e)
				if err != nil {
					return err
				}
				descriptions[i] = description{
					Name:            e.Name,
					Title:           e.Title,
					Date:            e.Date,
					Paper:           e.Paper,
					Equation:        e.Equation,
					Collapse:        e.Collapse,
					Prevents:        prevents(e),
					Hyperparameters: fields,
					Variants:        variants,
				}
			}
			out := c.OutOrStdout()
			switch {
			case asJSON:
				e := json.NewEncoder(out)
				e.SetIndent("", "  ")
				return e.Encode(descriptions)
			case len(args) == 1:
				return explain(out, descriptions[0])
			}
			table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "NAME\tMETHOD\tDATE\tHOW IS COLLAPSE PREVENTED?")
			for _, d := range descriptions {
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", d.Name, d.Title, d.Date, d.Collapse)
			}
			return table.Flush()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// description is what can be said of a method without running it.
type description struct {
	Name            string           `json:"name"`
	Title           string           `json:"title"`
	Date            string           `json:"date"` // year and month of the first public version
	Paper           string           `json:"paper"`
	Equation        string           `json:"equation"`
	Collapse        string           `json:"collapse"`
	Prevents        []prevention     `json:"prevents"`
	Hyperparameters []describe.Field `json:"hyperparameters"`
	Variants        []describe.Field `json:"variants,omitempty"`
}

// prevention is a change of the settings that takes away what prevents collapse.
type prevention struct {
	Set []string `json:"set"`
	Why string   `json:"why"`
}

func prevents(e method.Entry) []prevention {
	all := []prevention{}
	for _, s := range e.Prevents {
		all = append(all, prevention(s))
	}
	return all
}

func explain(w io.Writer, d description) error {
	fmt.Fprintf(w, "%s (%s)\n\n", d.Title, d.Name)
	fmt.Fprintf(w, "Date       %s\n", d.Date)
	fmt.Fprintf(w, "Paper      %s\n", d.Paper)
	fmt.Fprintf(w, "Loss       %s\n", d.Equation)
	fmt.Fprintf(w, "Collapse   is prevented by %s\n", d.Collapse)
	fmt.Fprintf(w, "\nHyperparameters, with the paper's values (--set method.NAME=VALUE):\n")
	if err := tabulate(w, d.Hyperparameters); err != nil || len(d.Variants) == 0 {
		return err
	}
	fmt.Fprintf(w, "\nVariants, for experiments (--set variant.NAME=VALUE):\n")
	return tabulate(w, d.Variants)
}

// tabulate writes settings as a table of names, values and comments.
func tabulate(w io.Writer, fields []describe.Field) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range fields {
		name, value := f.Name, f.Default
		for _, line := range wrap(f.Comment, 80) {
			fmt.Fprintf(table, "  %s\t%s\t%s\n", name, value, line)
			name, value = "", ""
		}
	}
	return table.Flush()
}

// wrap breaks text between words into lines of at most width characters, where a word is not longer.
func wrap(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}

func methodNames() []string {
	var names []string
	for _, e := range method.All {
		names = append(names, e.Name)
	}
	return names
}
