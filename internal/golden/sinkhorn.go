// SPDX-License-Identifier: Apache-2.0

package golden

import (
	"fmt"

	"github.com/parallax-ssl/parallax/method"
)

// runSinkhorn checks the codes alone.
func runSinkhorn(c *Case) error {
	iterations := c.Int("iterations")
	if iterations < 1 {
		return skip(fmt.Sprintf("%d iterations of Sinkhorn-Knopp: at least 1 is needed", iterations))
	}
	return c.near("codes", method.Sinkhorn(c.In("scores"), c.Number("epsilon"), iterations), c.Out("codes"))
}
