"""Random changes of training images: geometry in the loader's workers, colour on the device."""
