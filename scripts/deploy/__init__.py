"""Build, publish, deploy and test the images, and set up the cloud for them."""
