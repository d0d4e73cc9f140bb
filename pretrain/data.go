// SPDX-License-Identifier: Apache-2.0

package pretrain

import (
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
)

// OpenData opens the training images of a request as [Run] does, and returns them with the side of a view. The request
// needs no method. Close the source after use. An error is the one with which Run would end.
func OpenData(r *Request) (s *dataset.Source, size int, err error) {
	c := config.Default()
	j := &Job{}
	if j.Config, err = config.New(&c); err != nil {
		return nil, 0, err
	}
	if err := j.openData(r); err != nil {
		if j.Source != nil {
			_ = j.Close()
		}
		return nil, 0, err
	}
	return j.Source, c.Data.Size, nil
}
