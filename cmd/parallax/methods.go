// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"parallax/method"
	"parallax/run"
)

func methodsCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "methods [NAME]",
		Short: "List the methods, or explain one: paper, equation, how it avoids collapse, defaults",
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
				var err error
				if descriptions[i], err = describe(e); err != nil {
					return err
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
			fmt.Fprintln(table, "NAME\tMETHOD\tHOW IS COLLAPSE PREVENTED?")
			for _, d := range descriptions {
				fmt.Fprintf(table, "%s\t%s\t%s\n", d.Name, d.Title, d.Collapse)
			}
			return table.Flush()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// description is what can be said of a method without running it.
type description struct {
	Name            string            `json:"name"`
	Title           string            `json:"title"`
	Paper           string            `json:"paper"`
	Equation        string            `json:"equation"`
	Collapse        string            `json:"collapse"`
	Hyperparameters map[string]string `json:"hyperparameters"`
	order           []string
}

func describe(e method.Entry) (description, error) {
	d := description{e.Name, e.Title, e.Paper, e.Equation, e.Collapse, map[string]string{}, nil}
	fields, err := run.Fields(e.New())
	for _, f := range fields {
		d.Hyperparameters[f.Path] = f.Text
		d.order = append(d.order, f.Path)
	}
	return d, err
}

func explain(w io.Writer, d description) error {
	fmt.Fprintf(w, "%s (%s)\n\nPaper      %s\nLoss       %s\nCollapse   is prevented by %s\n\nHyperparameters, with the paper's values (--set method.NAME=VALUE):\n", d.Title, d.Name, d.Paper, d.Equation, d.Collapse)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, name := range d.order {
		fmt.Fprintf(table, "  %s\t%s\n", name, d.Hyperparameters[name])
	}
	return table.Flush()
}

func methodNames() []string {
	var names []string
	for _, e := range method.All {
		names = append(names, e.Name)
	}
	return names
}
