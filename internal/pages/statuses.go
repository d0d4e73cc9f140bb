// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/parallax-ssl/parallax/internal/exit"
)

// statuses is the table of exit statuses.
func statuses() string {
	text := row("status", "name", "when", "") + rule(4)
	for _, s := range exit.All {
		text += row(fmt.Sprint(s.Number), s.Name, s.When, s.More)
	}
	return text
}
