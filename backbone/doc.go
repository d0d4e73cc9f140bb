// SPDX-License-Identifier: Apache-2.0

// Package backbone holds the networks that turn images into features h, as parallax.Backbone. Parameters have the
// names, shapes and order of torchvision's ResNets and timm's ViTs, so that weights go both ways. [All] lists the names
// to choose from.
package backbone
