export const paperAddress = 'https://arxiv.org/abs/2105.05233'
export const repositoryAddress = 'https://github.com/guided-diffusion/guided-diffusion-ts'
